"""What an OpenAI-compatible engine says went wrong, as one of our errors.

The status decides, and where a server is careless with it, the code or the text.
"""

import orjson

from _llamagate.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineGarbled,
    EngineLacksModel,
    EngineLeadsBack,
    EngineRefused,
)
from _llamagate.wires.retry_after import parse_retry_after

_NO_MODEL = "model_not_found"
_NO_CREDIT = "insufficient_quota"


def parse_error(status: int, body: bytes, retry_after: str = "") -> EngineError:
    """An answer that is not 200."""
    text, code = _read(body)
    if code == _NO_MODEL or (status == 404 and "model" in text.lower()):
        return EngineLacksModel(text)
    if status == 404:
        return EngineGarbled(
            "The engine does not know this path: does its address want /v1 at the end, or not?"
        )
    text = text or f"The engine answered {status}."
    if code == _NO_CREDIT:
        return EngineFailed(text)
    if status in (429, 503, 529):
        return EngineBusy(text, retry_after=parse_retry_after(retry_after))
    if status == 508:
        return EngineLeadsBack(text)
    if status in (401, 403):
        return EngineFailed(f"The engine does not accept our key: {text}")
    if not 400 <= status < 500:
        return EngineFailed(text)
    return EngineRefused(text, 400 if status == 422 else status)


def parse_stream_error(error: object) -> EngineError:
    """An error where a chunk should be. Its code may be a status, a word, or nothing."""
    status = error.get("code") if isinstance(error, dict) else None
    body = orjson.dumps({"error": error})
    if isinstance(status, int) and 400 <= status < 600 and status != 404:
        return parse_error(status, body)
    return EngineFailed(_read(body)[0] or "The engine reported an error without saying which.")


def _read(body: bytes) -> tuple[str, str]:
    """Its text and its code. Besides OpenAI's shape there are FastAPI's and plain ones."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    if isinstance(found, dict):
        found = found.get("error") or found.get("detail") or found
    match found:
        case str():
            return found, ""
        case {"message": str(text)}:
            return text, str(found.get("code") or "")
        case [{"msg": str(text), "loc": [*where]}, *_]:
            return f"{'.'.join(map(str, where))}: {text}", ""
    return "", ""
