"""The id of a request, the client's where it is sane, else ours; and the Call it begins."""

import re
from collections.abc import Callable
from typing import TypeAlias

from aiohttp import web

from _llamagate.engines.base import HOPS, VIA
from _llamagate.exchange import Call
from _llamagate.ids import new_id

HEADER = "X-Request-ID"
Begin: TypeAlias = Callable[[web.Request], Call]

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_IDS = re.compile(r"[a-z0-9_ ]{1,512}")


def request_id(address: Callable[[str, str | None], str], own: str) -> Begin:
    """`address` finds the client's out of the peer's and X-Forwarded-For. `own` is this gateway's
    id, by which it knows a request that was here before."""

    def begin(request: web.Request) -> Call:
        headers = request.headers
        sent = headers.get(HEADER)
        hops = headers.get(HOPS, "0")
        via = headers.get(VIA, "")
        seen = via.split() if via and _IDS.fullmatch(via) else []
        return Call(
            sent if sent and _SANE.fullmatch(sent) else new_id("req_"),
            address(request.remote or "", _forwarded(request)),
            hops=int(hops) if hops.isdecimal() and len(hops) < 4 else 0,
            via=" ".join((*seen, own)),
            looped=own in seen,
        )

    return begin


def _forwarded(request: web.Request) -> str | None:
    """All X-Forwarded-For headers as one list: the last proxy wrote the last entry."""
    if "X-Forwarded-For" not in request.headers:
        return None
    return ",".join(request.headers.getall("X-Forwarded-For"))
