"""HTTP with the standard library and no proxy, for commands: they start faster without a client
for thousands of connections, and ask one thing at a time."""

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

_MOST = 8 * 1024 * 1024  # a list of all models is far smaller
_LONGEST_LINE = 1024 * 1024


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


class Answering:
    """An answer whose head is there and whose body comes in."""

    def __init__(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status

    def whole(self) -> Answer:
        try:
            body = self._response.read(_MOST)
            if self._response.length:  # of what was announced, so much is missing
                raise NoAnswer("the answer was cut short")
            return Answer(self.status, self._response.headers, body)
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(_reason(error)) from error
        finally:
            self._connection.close()

    def lines(self) -> Iterator[bytes]:
        try:
            while line := self._response.readline(_LONGEST_LINE):
                yield line
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(_reason(error)) from error
        finally:
            self._connection.close()


def ask(
    url: str,
    timeout: float,
    *,
    key: str = "",
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """GET, or with a body, which is JSON, POST."""
    return begin(url, timeout, key=key, body=body, tls=tls).whole()


def begin(
    url: str,
    timeout: float,
    *,
    key: str = "",
    body: bytes | None = None,
    method: str = "",
    tls: ssl.SSLContext | None = None,
) -> Answering:
    parts = urlsplit(url)
    connection = (
        http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=tls)
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    )
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method or ("GET" if body is None else "POST"), target, body, headers)
        return Answering(connection, connection.getresponse())
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise NoAnswer(_reason(error)) from error


def unverified() -> ssl.SSLContext:
    """For our own listener, dialled by an address that its certificate does not name, by those
    who send no secret."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def only(certificate: Path) -> ssl.SSLContext:
    """For the same listener and those who send a key: whoever has this certificate, nobody else.
    Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # itself, whoever issued it
    context.load_verify_locations(certificate)
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
