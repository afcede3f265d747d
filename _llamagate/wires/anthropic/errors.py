"""Errors in Anthropic's shape."""

from typing import Any

from _llamagate.errors import GatewayError

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def render_error(error: GatewayError, request_id: str) -> dict[str, Any]:
    status = error.http_status
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    message = error.message
    if error.param and error.param not in message:
        message = f"{error.param}: {message}"  # there is no field for it
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id,
    }
