"""Every error becomes an answer here, once, in the shape of the dialect whose path was called."""

import asyncio
import logging

import orjson
from aiohttp import web

from _llamagate.call import STOPPING, Answer, Asked, Mounted
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


def answer_for(error: BaseException, asked: Asked, route: Mounted, call: Call) -> Answer | None:
    """The answer that says what went wrong; None where nobody is there to hear it."""
    ours = _ours(error, asked, call)
    if ours is None:
        return None
    call.error = ours.code
    body = orjson.dumps(route.error_shape(asked.headers)(ours, call.id))
    return Answer(body, ours.http_status, headers=_headers(ours))


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


def _ours(error: BaseException, asked: Asked, call: Call) -> GatewayError | None:
    """The error as one of ours; None when the client is gone or the process is ending."""
    match error:
        case GatewayError():
            return error
        case web.HTTPMethodNotAllowed():
            allow = ", ".join(sorted(error.allowed_methods))
            text = f"{asked.method} is not a method of this path; it takes {allow}."
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
