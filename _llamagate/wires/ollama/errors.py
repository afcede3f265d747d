"""What Ollama says went wrong, as one of our errors; and our errors in its shape.

The status decides. A few texts are looked at all the same: those of faults in the request that
Ollama answers with 500, where a client's mistake would count against the engine.
"""

import re
from typing import Any

import orjson

from _llamagate.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineGarbled,
    EngineLacksModel,
    EngineLeadsBack,
    EngineRefused,
    GatewayError,
)
from _llamagate.wires.frames import one_line
from _llamagate.wires.retry_after import parse_retry_after

_CLIENTS_FAULT = re.compile(
    r'option "|invalid format|template:|image input is not supported|does not support embeddings'
)


def render_error(error: GatewayError, request_id: str) -> dict[str, Any]:
    """For a client of this wire, some of which look for Ollama's own words."""
    message = error.message
    if error.code == "model_not_found" and "not found" not in message:
        message = f"model not found: {message}"
    return {"error": message}


def render_error_line(error: GatewayError, request_id: str) -> bytes:
    """In a stream, where the answer should go on."""
    return one_line(orjson.dumps(render_error(error, request_id))) + b"\n"


def parse_error(status: int, body: bytes, retry_after: str = "") -> EngineError:
    """An answer that is not 200."""
    text = error_text(body)
    if text is None:
        if status in (404, 405):
            return EngineGarbled(
                "The engine does not know this path: is it an Ollama server, and a current one?"
            )
        text = f"The engine answered {status}."
    if status == 404:
        return EngineLacksModel(text)
    if status == 508:
        return EngineLeadsBack(text)
    if status in (429, 503):
        return EngineBusy(text, retry_after=parse_retry_after(retry_after))
    if _CLIENTS_FAULT.search(text):
        return EngineRefused(text, 400)
    if status in (401, 403) or not 400 <= status < 500:
        return EngineFailed(text)
    return EngineRefused(text, status)


def parse_error_line(line: dict[str, Any]) -> EngineError:
    """An error inside a stream, where there is no status."""
    return EngineFailed(_lift(line["error"]))


def error_text(body: bytes) -> str | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or "error" not in found:
        return None
    return _lift(found["error"])


def _lift(error: Any) -> str:
    """The message out of an error that may be text, an object, or an object as text."""
    if isinstance(error, str):
        if not error.lstrip().startswith("{"):
            return error
        try:
            inner = orjson.loads(error)
        except orjson.JSONDecodeError:
            return error
        return _lift(inner.get("error", inner)) if isinstance(inner, dict) else error
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])
    return "The engine reported an error without saying which."
