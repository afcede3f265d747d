"""One HTTP request with the standard library and no proxy: for `health`, `doctor`, `selftest`."""

import http.client
import json
import ssl
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

_MOST = 8 * 1024 * 1024  # a list of all models is far smaller


class NoAnswer(Exception):
    """Nobody there, or nobody who speaks HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    def fields(self) -> dict[str, object]:
        """The JSON object in the body; {} where there is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def ask(
    url: str,
    timeout: float,
    *,
    key: str = "",
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """GET, or with a body, which is JSON, POST."""
    parts = urlsplit(url)
    connection = (
        http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=tls)
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request("GET" if body is None else "POST", parts.path or "/", body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read(_MOST))
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(_reason(error)) from error
    finally:
        connection.close()


def unverified() -> ssl.SSLContext:
    """For our own listener, dialled by an address that its certificate does not name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
