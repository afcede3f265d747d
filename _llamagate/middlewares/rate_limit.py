"""How much: one drop into the caller's bucket for every request that counts."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from _llamagate.call import CALL, Access, Routes
from _llamagate.errors import TooMany
from _llamagate.limits import Limits, headers


def rate_limit(routes: Routes, limits: Limits) -> Middleware:
    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = routes.of(request)
        if route.counted and route.access is not Access.PUBLIC:
            call = request[CALL]
            account = call.caller.account
            try:
                call.limit = headers(limits.take(account, route.surface))
            except TooMany:
                call.limit = headers(limits.look(account, route.surface))
                raise
        return await handler(request)

    return count
