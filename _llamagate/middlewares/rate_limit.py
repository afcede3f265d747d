"""How much: one drop into the caller's bucket for every request that counts."""

from collections.abc import Callable

from _llamagate.call import Access, Asked, Mounted
from _llamagate.errors import TooMany
from _llamagate.exchange import Call
from _llamagate.limits import Limits, headers


def rate_limit(limits: Limits) -> Callable[[Asked, Mounted, Call], None]:
    def count(asked: Asked, route: Mounted, call: Call) -> None:
        if not route.counted or route.access is Access.PUBLIC:
            return
        account = call.caller.account
        try:
            call.limit = headers(limits.take(account, route.surface))
        except TooMany:
            call.limit = headers(limits.look(account, route.surface))
            raise

    return count
