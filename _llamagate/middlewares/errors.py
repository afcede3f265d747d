"""Every error becomes an answer here, once, in the shape of the dialect whose path was called."""

import asyncio
import logging

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from _llamagate.call import CALL, STOPPING, Routes
from _llamagate.errors import (
    GatewayError,
    Internal,
    NoSuchPath,
    TooLarge,
    Unavailable,
    WrongMethod,
)
from _llamagate.exchange import Call

_log = logging.getLogger("llamagate.errors")


def errors(routes: Routes) -> Middleware:
    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        call = request[CALL]
        try:
            return await handler(request)
        except GatewayError as error:
            return _render(routes, request, call, error)
        except web.HTTPException as error:
            return _render(routes, request, call, _from_aiohttp(request, error))
        except asyncio.CancelledError as cancelled:
            if cancelled.args != (STOPPING,):
                raise
            stopping = Unavailable("The gateway is being stopped.", retry_after=5)
            return _render(routes, request, call, stopping)
        except ConnectionError:  # the client's: there is nobody to answer
            raise
        except Exception as error:  # noqa: BLE001  # a fault of ours: one request dies of it
            _log.error("request_failed", extra={"request_id": call.id}, exc_info=error)
            failure = Internal(f"Something went wrong in the gateway. Its log has it as {call.id}.")
            return _render(routes, request, call, failure)

    return answer


def _render(routes: Routes, request: web.Request, call: Call, error: GatewayError) -> web.Response:
    call.error = error.code
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, error.retry_after))
    if isinstance(error, WrongMethod):
        headers["Allow"] = error.allow
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps(routes.of(request).render_error(error, call.id))
    response = web.Response(
        body=body, status=error.http_status, headers=headers, content_type="application/json"
    )
    if isinstance(error, TooLarge):
        response.force_close()  # what is left of the body is not worth reading
    return response


def _from_aiohttp(request: web.Request, error: web.HTTPException) -> GatewayError:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allow = ", ".join(sorted(error.allowed_methods))
        return WrongMethod(
            f"{request.method} is not a method of this path; it takes {allow}.", allow
        )
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return TooLarge("The request body is larger than MAX_BODY_MB allows.")
    return NoSuchPath("There is nothing at this path. GET / lists what there is.")
