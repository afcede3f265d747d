"""Who is calling: the credential's caller, and whether the matched route is for them."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from _llamagate.accounts import Accounts
from _llamagate.accounts.credential import credential
from _llamagate.call import CALL, Access, Routes
from _llamagate.errors import NotAllowed


def auth(routes: Routes, accounts: Accounts) -> Middleware:
    @web.middleware
    async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
        access = routes.of(request).access
        if access is not Access.PUBLIC:
            call = request[CALL]
            call.caller = accounts.identify(credential(request.headers), call.address)
            if access is Access.ADMIN and not call.caller.admin:
                raise NotAllowed("Only an administrator may do this: use the key of ADMIN_KEY.")
        return await handler(request)

    return identify
