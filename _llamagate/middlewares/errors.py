"""Every error becomes an answer here, once, in the shape of the dialect whose path was called."""

import asyncio
import logging

import orjson
from aiohttp import web

from _llamagate.call import STOPPING, Mounted
from _llamagate.errors import (
    GatewayError,
    Internal,
    InvalidRequest,
    NoSuchPath,
    TooLarge,
    Unavailable,
    WrongMethod,
)
from _llamagate.exchange import Call

_log = logging.getLogger("llamagate.errors")
_RETRY_AFTER = 5  # seconds, where nobody knows better


def answer_for(
    error: BaseException, request: web.Request, route: Mounted, call: Call
) -> web.Response:
    """The answer that says what went wrong; raises again what nobody is there to hear."""
    ours = _ours(error, request, call)
    if ours is None:
        raise error
    call.error = ours.code
    if request.writer.output_size:  # the head is out: to break off is all that can still be said
        raise error
    render_error = route.error_shape(request.headers)
    response = web.Response(
        body=orjson.dumps(render_error(ours, call.id)),
        status=ours.http_status,
        headers=_headers(ours),
        content_type="application/json",
    )
    if isinstance(ours, TooLarge):
        response.force_close()  # what is left of the body is not worth reading
    return response


def _headers(error: GatewayError) -> dict[str, str]:
    status = error.http_status
    headers: dict[str, str] = {}
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, error.retry_after or _RETRY_AFTER))
    if isinstance(error, WrongMethod):
        headers["Allow"] = error.allow
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def _ours(error: BaseException, request: web.Request, call: Call) -> GatewayError | None:
    """The error as one of ours; None when the client is gone or the process is ending."""
    match error:
        case GatewayError():
            return error
        case web.HTTPMethodNotAllowed():
            allow = ", ".join(sorted(error.allowed_methods))
            text = f"{request.method} is not a method of this path; it takes {allow}."
            return WrongMethod(text, allow)
        case web.HTTPRequestEntityTooLarge():
            return TooLarge("The request body is larger than MAX_BODY_MB allows.")
        case web.RequestPayloadError():
            return InvalidRequest("The request body cannot be read: it is cut off or badly packed.")
        case web.HTTPException():
            return NoSuchPath("There is nothing at this path. GET / lists what there is.")
        case asyncio.CancelledError() if error.args == (STOPPING,):
            return Unavailable("The gateway is being stopped.", retry_after=5)
        case ConnectionError():  # the client's: an engine's came as one of ours
            return None
        case Exception():  # a fault of ours: this request dies of it, the process does not
            _log.error("request_failed", extra={"request_id": call.id}, exc_info=error)
            return Internal(f"Something went wrong in the gateway. Its log has it as {call.id}.")
    return None
