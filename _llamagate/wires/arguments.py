"""The arguments of a tool call: an object, or on OpenAI's wire the text of one."""

from typing import Any

import orjson


def parse_arguments(text: str) -> dict[str, Any] | None:
    """No text is no arguments; None is what is no JSON object."""
    if not text.strip():
        return {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
