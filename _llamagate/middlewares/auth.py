"""Who is calling: the credential's caller, and whether the matched route is for them."""

from collections.abc import Callable

from _llamagate.accounts import Accounts
from _llamagate.accounts.credential import credential
from _llamagate.call import Access, Asked, Mounted
from _llamagate.errors import NotAllowed
from _llamagate.exchange import Call


def auth(accounts: Accounts) -> Callable[[Asked, Mounted, Call], None]:
    def identify(asked: Asked, route: Mounted, call: Call) -> None:
        if route.access is Access.PUBLIC:
            return
        call.caller = accounts.identify(credential(asked.headers), call.address)
        if route.access is Access.ADMIN and not call.caller.admin:
            raise NotAllowed("Only an administrator may do this: use the key of ADMIN_KEY.")

    return identify
