"""What the dialects share: reading a JSON body, answering in JSON, and what they need to do it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from _llamagate.call import CALL
from _llamagate.dialects.outgoing import Piece, Renderer, send_stream
from _llamagate.errors import InvalidRequest, TooLarge, WrongMediaType
from _llamagate.exchange import Call, Event, Events
from _llamagate.wires.body import parse_object
from _llamagate.wires.frames import NDJSON_HEADERS, SSE_COMMENT, SSE_HEADERS

_PATIENCE = 300.0  # seconds with a client that sends its body


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the operator allows a request and a silence to be."""

    max_body: int
    keepalive: float


async def read_json(
    request: web.Request, bounds: Bounds, *, any_type: bool = False
) -> dict[str, Any]:
    if not any_type:
        _check_type(request)
    return parse_object(await read_body(request, bounds))


async def read_body(request: web.Request, bounds: Bounds) -> bytes:
    length = request.content_length
    if length is not None and length > bounds.max_body:
        raise TooLarge(
            f"The request body has {length} bytes; MAX_BODY_MB allows {bounds.max_body}."
        )
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


def read_wishes(request: web.Request, person: str = "") -> Call:
    """The request's Call, with what its headers say of the answer. `person`: who is behind the
    caller, as the body says; the header of a chat page that has people of its own wins."""
    call = request[CALL]
    wish = request.headers.get("Cache-Control")
    if wish:
        wish = wish.lower()
        call.no_store = "no-store" in wish
        call.no_cache = call.no_store or "no-cache" in wish
    call.person = request.headers.get("X-OpenWebUI-User-Id") or person
    return call


def json_answer(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


async def send_events(
    request: web.Request, events: Events, renderer: Renderer[Event], bounds: Bounds
) -> web.StreamResponse:
    """As server-sent events."""
    return await send_stream(request, events, renderer, SSE_HEADERS, SSE_COMMENT, bounds.keepalive)


async def send_lines(
    request: web.Request,
    events: AsyncGenerator[list[Piece], None],
    renderer: Renderer[Piece],
    bounds: Bounds,
) -> web.StreamResponse:
    """As lines of JSON: a space without a line end is the one thing such a client skips."""
    return await send_stream(request, events, renderer, NDJSON_HEADERS, b" ", bounds.keepalive)


def _check_type(request: web.Request) -> None:
    sent = request.headers.get("Content-Type")
    if sent is None:
        return
    kind = sent.partition(";")[0].strip().lower()
    if kind != "application/json" and not (
        kind.startswith("application/") and kind.endswith("+json")
    ):
        raise WrongMediaType(
            f"The Content-Type is {kind or 'empty'}; send 'Content-Type: application/json'."
        )
