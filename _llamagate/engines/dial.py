"""Which client goes to which engine: chosen once, by the scheme of its URL."""

from _llamagate.config import EngineSettings
from _llamagate.engines.base import HOPS
from _llamagate.engines.http import Client
from _llamagate.engines.lean import LeanClient
from _llamagate.engines.session import SessionClient


def open_client(settings: EngineSettings) -> Client:
    """The client for an engine's scheme, with its key. What no client asked for is a first hop."""
    headers = {HOPS: "1"}
    if settings.key:
        headers["Authorization"] = f"Bearer {settings.key}"
    if settings.url.lower().startswith("https:"):
        return SessionClient(
            settings.url, timeout=settings.timeout, headers=headers, ca_file=settings.ca_file
        )
    return LeanClient(settings.url, timeout=settings.timeout, headers=headers)
