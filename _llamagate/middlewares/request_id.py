"""The id of a request, the client's where it is sane, else ours; and the Call it begins."""

import re
from collections.abc import Callable
from typing import TypeAlias

from _llamagate.call import Asked
from _llamagate.engines.base import HOPS, VIA
from _llamagate.exchange import Call
from _llamagate.ids import new_id

HEADER = "X-Request-ID"
Begin: TypeAlias = Callable[[Asked], Call]

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_IDS = re.compile(r"[a-z0-9_ ]{1,512}")


def request_id(address: Callable[[str, str | None], str], own: str) -> Begin:
    """`address` finds the client's out of the peer's and X-Forwarded-For. `own` is this gateway's
    id, by which it knows a request that was here before."""

    def begin(asked: Asked) -> Call:
        headers = asked.headers
        sent = headers.get(HEADER)
        id = sent if sent and _SANE.fullmatch(sent) else new_id("req_")
        call = Call(id, address(asked.remote or "", _forwarded(asked)), via=own)
        if HOPS in headers or VIA in headers:
            _travelled(call, headers.get(HOPS, ""), headers.get(VIA, ""))
        return call

    return begin


def _travelled(call: Call, hops: str, via: str) -> None:
    """It comes from another gateway."""
    seen = via.split() if _IDS.fullmatch(via) else []
    call.looped = call.via in seen
    call.via = " ".join((*seen, call.via))
    call.hops = int(hops) if hops.isdecimal() and len(hops) < 4 else 0


def _forwarded(asked: Asked) -> str | None:
    """All X-Forwarded-For headers as one list: the last proxy wrote the last entry."""
    if "X-Forwarded-For" not in asked.headers:
        return None
    return ",".join(asked.headers.getall("X-Forwarded-For"))
