"""aiohttp's client behind the same protocol, for engines behind TLS.

It costs more than `lean.py` and does the one thing that one does not. What goes wrong is told in
the same words; nothing here reads a proxy variable, keeps a cookie, follows a redirect or unpacks.
"""

import asyncio
import io
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from _llamagate.engines import faults
from _llamagate.engines.http import Answer, Client
from _llamagate.errors import EngineError, GatewayError

_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # aiohttp's own headers
_ONE_WRITE = 256 * 1024


class SessionClient(Client):
    """The way to one engine, over TLS. See `http.Client`."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        connect_timeout: float = 5.0,
        ca_file: str = "",
    ) -> None:
        self._base = base_url.rstrip("/")
        url = URL(self._base)
        self._peer = faults.address(url.host or "", url.port or 443)
        self._headers = headers or {}
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._trust = ssl.create_default_context(cafile=ca_file or None)
        self._session: aiohttp.ClientSession | None = None  # made where its loop runs
        self._answers: set[SessionAnswer] = set()
        self._closed = False

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Answer:
        faults.check_target(path)
        faults.check_headers(headers or {})
        if self._closed:
            raise faults.closed(self._peer)
        patience = self._timeout if timeout is None else timeout
        attempt = _Attempt(patience)
        try:
            response = await self._try(attempt, method, path, body, headers)
        except EngineError:
            if not (attempt.stale and isinstance(body, bytes)):
                raise
            response = await self._try(_Attempt(patience), method, path, body, headers)
        if response.status == 101:
            response.close()
            raise faults.garbled(self._peer, "it wants to switch protocols")
        return SessionAnswer(response, self._peer, patience, self._answers)

    async def close(self) -> None:
        self._closed = True
        for answer in list(self._answers):
            answer.fail(faults.closed(self._peer))
        if self._session is not None:
            await self._session.close()

    async def _try(
        self,
        attempt: "_Attempt",
        method: str,
        path: str,
        body: bytes | AsyncIterable[bytes],
        headers: Mapping[str, str] | None,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._open()
        try:
            async with attempt.limit:
                return await self._session.request(
                    method,
                    URL(self._base + path, encoded=True),
                    data=_data(body) if isinstance(body, bytes) else attempt.pace(body),
                    headers=headers,
                    allow_redirects=False,
                    trace_request_ctx=attempt,
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            if attempt.body_error is not None:
                raise attempt.body_error from exc
            attempt.stale = attempt.reused and _is_a_cut(exc)
            raise self._fault(exc, attempt.patience) from exc
        finally:
            attempt.over = True

    def _fault(self, exc: Exception, patience: float) -> EngineError:
        match exc:
            case aiohttp.ConnectionTimeoutError():
                return faults.unconnected(self._peer, self._connect_timeout)
            case aiohttp.ClientConnectorDNSError():
                return faults.unresolved(self._peer, exc.strerror)
            case aiohttp.ClientConnectorCertificateError():
                return faults.untrusted(self._peer, exc.certificate_error)
            case aiohttp.ClientConnectorSSLError():
                return faults.no_tls(self._peer, exc.strerror)
            case aiohttp.ClientConnectorError():
                return faults.refused(self._peer, exc.os_error)
            case aiohttp.ServerDisconnectedError():
                return faults.broke(self._peer, "without an answer")
            case TimeoutError():
                return faults.silent(self._peer, patience)
            case aiohttp.ClientResponseError():
                return faults.garbled(self._peer, exc.message)
            case _:
                return faults.reset(self._peer)

    def _open(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        trace.on_request_headers_sent.append(_note_head)
        return aiohttp.ClientSession(
            connector=_Connector(limit=0, ssl=self._trust, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=self._connect_timeout, sock_connect=self._connect_timeout
            ),
            headers=self._headers,
            skip_auto_headers=_AUTOMATIC,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=faults.HEAD_LIMIT,
            max_field_size=faults.HEAD_LIMIT,
            trace_configs=[trace],
        )


class _Connector(aiohttp.TCPConnector):
    """Passes over connections on which something came while they were idle: aiohttp would give it
    to the next request as its answer."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()


class _Attempt:
    """One try to get an answer: how long it may wait for what, and what it met.

    aiohttp's own timeouts know nothing of an engine that does not take what we send.
    """

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.limit = asyncio.timeout(None)
        self.over = False
        self.reused = False  # the connection had been used before
        self.stale = False  # and was dead, so that a new one is worth a try
        self.body_error: GatewayError | OSError | None = None

    def allow(self, seconds: float | None) -> None:
        if not (self.over or self.limit.expired()):
            when = None if seconds is None else asyncio.get_running_loop().time() + seconds
            self.limit.reschedule(when)

    async def pace(self, body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """The body, with the engine's time running only while the engine has to take a piece."""
        self.allow(None)
        try:
            async for piece in body:
                self.allow(self.patience)
                yield piece
                self.allow(None)
        except (GatewayError, OSError) as exc:
            self.body_error = exc
            raise
        self.allow(self.patience)


async def _note_reuse(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.reused = True


async def _note_head(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    attempt: _Attempt = context.trace_request_ctx
    attempt.allow(attempt.patience)


def _data(body: bytes) -> bytes | io.BytesIO | None:
    """aiohttp writes bytes at one go and warns when that may block the loop; a file it reads."""
    return io.BytesIO(body) if len(body) > _ONE_WRITE else body or None


def _is_a_cut(exc: Exception) -> bool:
    cuts = aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError
    return isinstance(exc, cuts)


class SessionAnswer(Answer):
    """See `http.Answer`."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        peer: str,
        patience: float,
        siblings: set["SessionAnswer"],
    ) -> None:
        self._response = response
        self._patience = patience
        self._siblings = siblings  # those that are being read
        siblings.add(self)
        self.peer = peer
        self.status = response.status

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    @property
    def headers(self) -> list[tuple[str, str]]:
        return list(self._response.headers.items())

    async def read(self) -> bytes:
        if self not in self._siblings:
            return b""
        try:
            async with asyncio.timeout(self._patience):
                return await self._response.content.readany()
        except TimeoutError as exc:
            raise self._parse_error() or faults.silent(self.peer, self._patience) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise faults.broke(self.peer, "in the middle of its answer") from exc

    def fail(self, error: EngineError) -> None:
        self._response.content.set_exception(error)
        self._abort()

    def _abort(self) -> None:
        """The engine shall notice now, not after TLS has taken its leave."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    def _parse_error(self) -> EngineError | None:
        """aiohttp leaves the reader of a body that cannot be parsed waiting (seen in 3.14.5)."""
        connection = self._response.connection
        protocol = connection and connection.protocol
        if protocol is None or protocol.exception() is None:
            return None
        return faults.garbled(self.peer, "its body is not cut into chunks as it says")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._siblings.discard(self)
        self._abort()
        self._response.close()
