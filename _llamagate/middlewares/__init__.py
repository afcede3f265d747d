"""What every request passes through. The order stands here and nowhere else.

    request_id    the id, and the Call it begins
    access_log    the clock, the line, the count
    errors        whatever goes wrong below becomes an answer
    cors, auth, rate_limit
                  steps: each looks at the request and raises, or lets it pass
    headers       what every answer says, set as its head goes out

The steps wait for nothing, so they are plain functions in one middleware: a coroutine for each
would cost more than what most of them do.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from _llamagate.call import CALL, Mounted, Routes
from _llamagate.connection import Connection
from _llamagate.exchange import Call
from _llamagate.middlewares.access_log import AccessLog
from _llamagate.middlewares.errors import answer_for
from _llamagate.middlewares.request_id import Begin

Step: TypeAlias = Callable[[web.Request, Mounted, Call], web.StreamResponse | None]


def pass_through(
    routes: Routes, begin: Begin, access_log: AccessLog, steps: Sequence[Step]
) -> Middleware:
    """The one middleware. A step that returns an answer ends the request with it."""

    @web.middleware
    async def passing(request: web.Request, handler: Handler) -> web.StreamResponse:
        call = request[CALL] = begin(request)
        route = routes.of(request)
        with access_log(request, route, call) as entry:
            if isinstance(connection := request.protocol, Connection):
                connection.carries(call)
            try:
                for step in steps:
                    if answer := step(request, route, call):
                        break
                else:
                    answer = await handler(request)
            except BaseException as error:  # noqa: BLE001  # raised again where nobody can be told
                answer = answer_for(error, request, route, call)
            entry.status = answer.status
            return answer

    return passing
