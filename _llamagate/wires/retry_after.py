"""When to come back, as the header of an engine says it."""

import re

_SECONDS = re.compile(r"[0-9]{1,6}")


def parse_retry_after(text: str) -> int | None:
    """None for a date, which no engine sends, and for anything else than seconds."""
    return int(text) if _SECONDS.fullmatch(text) else None
