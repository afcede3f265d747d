"""Errors in OpenAI's shape."""

from typing import Any

from _llamagate.errors import EngineRefused, GatewayError

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    429: "rate_limit_error",
}
# OpenAI's own code for a plain bad request is null.
_NO_CODE = {"invalid_request"}


def render_error(error: GatewayError, request_id: str) -> dict[str, Any]:
    status = error.http_status
    fallback = "invalid_request_error" if isinstance(error, EngineRefused) else "server_error"
    return {
        "error": {
            "message": error.message,
            "type": _TYPES.get(status, fallback),
            "param": error.param or ("model" if error.code == "model_not_found" else None),
            "code": None if error.code in _NO_CODE else error.code,
            "request_id": request_id,
        }
    }
