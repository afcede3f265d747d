"""What one HTTP request carries, and what the table of routes says of the path it came by."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias

from aiohttp import web

from _llamagate.errors import GatewayError
from _llamagate.exchange import Call

CALL = web.RequestKey("call", Call)
STOPPING = "the gateway is stopping"  # the message with which a request that must end is cancelled

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
RenderError: TypeAlias = Callable[[GatewayError, str], object]


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
