"""Who is calling: the credential's caller, and whether the matched route is for them."""

from collections.abc import Callable

from aiohttp import web

from _llamagate.accounts import Accounts
from _llamagate.accounts.credential import credential
from _llamagate.call import Access, Mounted
from _llamagate.errors import NotAllowed
from _llamagate.exchange import Call


def auth(accounts: Accounts) -> Callable[[web.Request, Mounted, Call], None]:
    def identify(request: web.Request, route: Mounted, call: Call) -> None:
        if route.access is Access.PUBLIC:
            return
        call.caller = accounts.identify(credential(request.headers), call.address)
        if route.access is Access.ADMIN and not call.caller.admin:
            raise NotAllowed("Only an administrator may do this: use the key of ADMIN_KEY.")

    return identify
