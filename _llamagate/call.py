"""What one HTTP request carries, and what the table of routes says of the path it came by.

A request comes through one of two doors: aiohttp's, or the short one (`door`). What is written
here in place of aiohttp's own request and response is what both can give and take.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol, TypeAlias

from aiohttp import web
from msgspec import Struct
from multidict import MultiMapping

from _llamagate.errors import GatewayError
from _llamagate.exchange import Call

CALL = web.RequestKey("call", Call)
STOPPING = "the gateway is stopping"  # the message with which a request that must end is cancelled

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
RenderError: TypeAlias = Callable[[GatewayError, str], object]


class Asked(Protocol):
    """A request as far as its head tells."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def headers(self) -> MultiMapping[str]: ...
    @property
    def remote(self) -> str | None: ...


class Post(Struct, frozen=True):
    """A request whose body is here, whole."""

    body: bytes
    headers: MultiMapping[str]
    call: Call


class Answer(Struct, frozen=True):
    """One that is whole."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = {}


class Renderer(Protocol):
    """Events, or whatever else a stream consists of, as the bytes of a dialect's stream."""

    def feed(self, events: list[Any]) -> bytes: ...
    def end(self) -> bytes: ...
    def fail(self, error: GatewayError, request_id: str) -> bytes: ...


class Flow(Struct, frozen=True):
    """An answer that is a stream."""

    events: AsyncGenerator[list[Any], None]
    renderer: Renderer
    headers: Mapping[str, str]
    sign_of_life: bytes  # what a client skips
    every: float  # seconds of silence after which it is sent
    over: Callable[[], None] | None = None  # called when all of it went out


Ask: TypeAlias = Callable[[Post], Awaitable[Answer | Flow]]


class Access(Enum):
    """Who may call a route. Every route says so itself; there is no default."""

    PUBLIC = "public"
    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path of one surface."""

    method: str
    path: str
    handler: Handler
    access: Access
    counted: bool = True  # against the caller's rate limit
    raw: bool = False  # the body is streamed on, of any size
    ask: Ask | None = None  # what the handler does, for the short door
    render_error: RenderError | None = None  # where it is not the surface's
    errors_for: tuple[str, RenderError] | None = None  # senders of this header read others


@dataclass(frozen=True, slots=True)
class Mounted:
    """A route where it stands: its surface, and how errors look there."""

    label: str  # the path's template, for metrics
    access: Access
    render_error: RenderError
    surface: str = ""
    counted: bool = True
    errors_for: tuple[str, RenderError] | None = None

    def error_shape(self, headers: Mapping[str, str]) -> RenderError:
        if self.errors_for and self.errors_for[0] in headers:
            return self.errors_for[1]
        return self.render_error


class Routes:
    """Which route a request came by. One that came by none has the error shape of the path that
    knows other methods, else the one that `unknown` finds for a path."""

    def __init__(self, unknown: Callable[[str], Mounted]) -> None:
        self.asked: dict[str, tuple[Mounted, Ask]] = {}  # by path: what the short door serves
        self._mounted: dict[web.AbstractRoute, Mounted] = {}
        self._by_path: dict[str, Mounted] = {}
        self._unknown = unknown

    def add(self, route: web.AbstractRoute, mounted: Mounted) -> None:
        self._mounted[route] = mounted
        if mounted.label not in self._by_path:
            self._by_path[mounted.label] = replace(mounted, access=Access.PUBLIC)

    def of(self, request: web.Request) -> Mounted:
        found = self._mounted.get(request.match_info.route)
        return found or self._by_path.get(request.path) or self._unknown(request.path)


def web_answer(answer: Answer) -> web.Response:
    """As aiohttp has it."""
    response = web.Response(body=answer.body, status=answer.status, headers=answer.headers)
    if answer.content_type:
        response.content_type = answer.content_type
    if answer.status == 413:
        response.force_close()  # what is left of the body is not worth reading
    return response
