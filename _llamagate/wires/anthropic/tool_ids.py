"""Ids of tool calls. An engine's own id travels inside ours, so that it comes back as it was:
some engines refuse, or read in their templates, any id that is not of their own form.
"""

import re
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as NotBase64

from _llamagate.ids import CallIds

# What Anthropic's clients accept in an id.
_PLAIN = re.compile(r"[A-Za-z0-9_-]+\Z")
_CARRIED = "toolu_id_"
_ENCODED = "toolu_b64_"


class ClientIds(CallIds):
    """The ids of one answer's calls, as a client sees them."""

    def __init__(self) -> None:
        super().__init__("toolu_")

    def next(self, engine_id: str) -> str:
        return super().next(_client_id(engine_id) if engine_id else "")


def engine_id(client_id: str) -> str:
    """The id the engine gave; ids that are none of ours stay as they are."""
    if client_id.startswith(_CARRIED):
        return client_id[len(_CARRIED) :]
    if client_id.startswith(_ENCODED):
        text = client_id[len(_ENCODED) :]
        try:
            return b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
        except (NotBase64, UnicodeDecodeError):
            return client_id
    return client_id


def _client_id(engine_id: str) -> str:
    if engine_id.startswith("toolu_"):
        return engine_id
    if _PLAIN.match(engine_id):
        return _CARRIED + engine_id
    return _ENCODED + urlsafe_b64encode(engine_id.encode()).decode().rstrip("=")
