"""The id of a request, the client's where it is sane, else ours; and the Call it begins."""

import re
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from _llamagate.call import CALL
from _llamagate.engines.base import HOPS
from _llamagate.exchange import Call
from _llamagate.ids import new_id

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
HEADER = "X-Request-ID"


def request_id(address: Callable[[str, str | None], str]) -> Middleware:
    """`address` finds the client's out of the peer's and X-Forwarded-For."""

    @web.middleware
    async def begin(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        sent = headers.get(HEADER)
        hops = headers.get(HOPS, "0")
        request[CALL] = Call(
            sent if sent and _SANE.fullmatch(sent) else new_id("req_"),
            address(request.remote or "", headers.get("X-Forwarded-For")),
            hops=int(hops) if hops.isdigit() and len(hops) < 4 else 0,
        )
        return await handler(request)

    return begin
