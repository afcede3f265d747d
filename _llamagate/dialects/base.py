"""What the dialects share: reading a JSON body, answering in JSON, and what they need to do it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from _llamagate.call import CALL, Access, Answer, Ask, Flow, Post, Renderer, Route, web_answer
from _llamagate.dialects.outgoing import WebWay, send_flow
from _llamagate.errors import InvalidRequest, TooLarge, WrongMediaType
from _llamagate.exchange import Call, Events
from _llamagate.wires.body import parse_object
from _llamagate.wires.frames import NDJSON_HEADERS, SSE_COMMENT, SSE_HEADERS

_PATIENCE = 300.0  # seconds with a client that sends its body


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the operator allows a request and a silence to be."""

    max_body: int
    keepalive: float

    def asking(self, path: str, ask: Ask) -> Route:
        """The route of a handler that is given a whole body, whichever door it came through."""

        async def handler(request: web.Request) -> web.StreamResponse:
            call = request[CALL]
            answer = await ask(Post(await read_body(request, self), request.headers, call))
            return await give(request, answer)

        return Route("POST", path, handler, Access.USER, ask=ask)

    def events(
        self,
        events: Events,
        renderer: Renderer,
        sign_of_life: bytes = SSE_COMMENT,
        over: Callable[[], None] | None = None,
    ) -> Flow:
        """An answer as server-sent events."""
        return Flow(events, renderer, SSE_HEADERS, sign_of_life, self.keepalive, over)

    def lines(self, events: AsyncGenerator[list[Any], None], renderer: Renderer) -> Flow:
        """As lines of JSON: a space without a line end is the one thing such a client skips."""
        return Flow(events, renderer, NDJSON_HEADERS, b" ", self.keepalive)


def read_json(post: Post) -> dict[str, Any]:
    """Of a client that says it is JSON, or does not say."""
    _check_type(post)
    return parse_object(post.body)


async def read_body(request: web.Request, bounds: Bounds) -> bytes:
    length = request.content_length
    if length is not None and length > bounds.max_body:
        most = bounds.max_body / 2**20
        raise TooLarge(f"The request body has {length} bytes; MAX_BODY_MB allows {most:g} MB.")
    content = request.content
    if length is not None and content.is_eof():  # it came with the head, as small ones do
        return content.read_nowait()
    try:
        async with asyncio.timeout(_PATIENCE):
            return await request.read()
    except TimeoutError as error:
        raise InvalidRequest(
            f"The request body did not come within {_PATIENCE:g} s: send it faster, or less of it."
        ) from error


async def invite(request: web.Request) -> None:
    """To a client that asks first whether to send its body: yes, unless it is too large, which
    it will hear at once, and without sending it."""
    asked = request.headers.get("Expect", "").lower() == "100-continue"
    if asked and (request.content_length or 0) <= request.client_max_size:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # that was no answer yet


def read_wishes(post: Post, person: str = "") -> Call:
    """The request's Call, with what its headers say of the answer. `person`: who is behind the
    caller, as the body says; the header of a chat page that has people of its own wins."""
    call, headers = post.call, post.headers
    wish = headers.get("Cache-Control")
    if wish:
        wish = wish.lower()
        call.no_store = "no-store" in wish
        call.no_cache = call.no_store or "no-cache" in wish
    call.person = headers.get("X-OpenWebUI-User-Id") or person
    return call


def json_answer(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


async def give(request: web.Request, answer: Answer | Flow) -> web.StreamResponse:
    """Through aiohttp's door."""
    if isinstance(answer, Answer):
        return web_answer(answer)
    response = web.StreamResponse(headers=answer.headers)
    await send_flow(WebWay(request, response), answer, request[CALL])
    return response


def _check_type(post: Post) -> None:
    sent = post.headers.get("Content-Type")
    if sent is None:
        return
    kind = sent.partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise WrongMediaType(
            f"The Content-Type is {kind or 'empty'}; send 'Content-Type: application/json'."
        )
