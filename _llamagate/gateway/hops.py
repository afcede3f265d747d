"""The end of a loop of gateways: each adds a hop, and its id, to what it sends on.

A request that comes back is refused at once: it would wait for a slot that it holds itself.
"""

from _llamagate.errors import Loop
from _llamagate.exchange import Call

_MAX_HOPS = 8


def check_hops(call: Call) -> None:
    if call.looped:
        raise Loop(
            "This request has come back to a gateway it has come through: that one has itself, or "
            "one that leads back to it, among its engines."
        )
    if call.hops >= _MAX_HOPS:
        raise Loop(
            f"This request has come through {call.hops} gateways: one of them has itself, or "
            "one that leads back to it, among its engines."
        )
