"""The fake Ollama itself: a server on a real loopback port, and what it saw."""

import asyncio
import json
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self
from weakref import WeakSet

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.fakes.ollama import admin, generation
from tests.fakes.ollama.checks import Refused, find, parse
from tests.fakes.ollama.residence import Residence
from tests.fakes.ollama.script import MODELS, Answer, Cut, FakeModel, Fault
from tests.fakes.ollama.wire import error, json_response


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]  # lower-case names
    raw: bytes
    body: Any = field(repr=False)  # parsed as Ollama does, or None

    @property
    def json(self) -> Any:
        """The body as plain JSON, keys as they were spelt."""
        return json.loads(self.raw)


class FakeOllama:
    """`answer` is for every request, `script` holds answers for the next ones, and a callable
    gets the parsed body and decides. `faults` maps a path to what every request to it gets."""

    def __init__(
        self,
        *models: FakeModel | str,
        answer: Answer | Callable[[dict[str, Any]], Answer] | None = None,
        parallel: int = 1,
        load_time: float = 0.0,
        max_queue: int = 512,
        version: str = "0.33.0-rc2",
        port: int = 0,
    ) -> None:
        self.models: list[FakeModel] = [
            FakeModel(model) if isinstance(model, str) else model for model in models or MODELS
        ]
        self.answer = answer or Answer()
        self.script: deque[Answer] = deque()
        self.faults: dict[str, Fault] = {}
        self.version = version
        self.port = port
        self.requests: list[Seen] = []
        self.cancelled = 0  # requests whose client left before the end
        self.finished = 0  # generations and embeddings sent to their end
        self.connections = 0
        self.pull_pace = 0.0  # seconds between the lines of a pull, push or create
        self.blobs: dict[str, bytes] = {}
        self.residence = Residence(parallel, load_time, max_queue)
        self._sockets: WeakSet[asyncio.Transport] = WeakSet()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> int:
        """Runs in a slot now."""
        return self.residence.running

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot now."""
        return self.residence.waiting

    @property
    def loads(self) -> Counter[str]:
        return self.residence.loads

    @property
    def most(self) -> Counter[str]:
        """The most runs of each model at once, so far."""
        return self.residence.most

    @property
    def loaded(self) -> list[str]:
        return [one.model.name for one in self.residence.loaded()]

    def seen(self, path: str) -> list[Seen]:
        return [request for request in self.requests if request.path == path]

    @property
    def generations(self) -> list[Seen]:
        return [r for r in self.requests if r.path in ("/api/chat", "/api/generate")]

    async def until(self, condition: Callable[[], bool], timeout: float = 2.0) -> None:
        """Wait for something to become true of it; AssertionError when it does not in time."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"not true within {timeout} s"
            await asyncio.sleep(0.002)

    def model(self, spelling: str, message: str) -> FakeModel:
        """The model of that name; `message` is the 404's, with {} for the name."""
        found = find(self.models, spelling) if spelling else None
        if found is None:
            raise Refused(404, message.format(spelling))
        return found

    def next_answer(self, body: dict[str, Any], model: FakeModel) -> Answer:
        if self.script:
            return self.script.popleft()
        if model.answer is not None:
            return model.answer
        return self.answer if isinstance(self.answer, Answer) else self.answer(body)

    async def start(self) -> None:
        """Listen, on the same port as before if it was stopped."""
        app = web.Application(middlewares=[self._watch, self._refuse], client_max_size=1 << 30)
        app.add_routes([web.get("/", self._root), web.get("/api/version", self._version)])
        app.add_routes(generation.routes(self))
        app.add_routes(admin.routes(self))
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """As on SIGTERM: every connection is cut at once; new ones are refused."""
        runner, self._runner = self._runner, None
        for transport in list(self._sockets):
            transport.abort()
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @web.middleware
    async def _watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            raise asyncio.CancelledError
        if transport not in self._sockets:
            self._sockets.add(transport)
            self.connections += 1
        try:
            await self._record(request)
            if (fault := self.faults.get(request.path)) is not None:
                return await _suffer(fault)
            return await handler(request)
        except Cut:
            transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled += self._runner is not None
            raise
        await asyncio.Event().wait()  # until the server notices the broken connection
        raise AssertionError("a broken connection cancels its handler")

    async def _record(self, request: web.Request) -> None:
        raw = await request.read()
        try:
            body = parse(raw)
        except Refused:
            body = None
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(
            Seen(request.method, request.path, request.query_string, headers, raw, body)
        )

    @web.middleware
    async def _refuse(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refused as refused:
            return error(refused.status, refused.message)
        except web.HTTPMethodNotAllowed as wrong:
            headers = {"Content-Type": "text/plain", "Allow": wrong.headers["Allow"]}
            return web.Response(status=405, body=b"405 method not allowed", headers=headers)
        except web.HTTPNotFound:
            headers = {"Content-Type": "text/plain"}
            return web.Response(status=404, body=b"404 page not found", headers=headers)

    async def _root(self, request: web.Request) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _version(self, request: web.Request) -> web.Response:
        return json_response({"version": self.version})


async def _suffer(fault: Fault) -> web.StreamResponse:
    """A fault that a whole path has."""
    match fault.kind:
        case "cut":
            raise Cut
        case "hang":
            await asyncio.Event().wait()
        case "garbage":
            return web.Response(body=fault.body, content_type="application/json")
    return error(fault.status, fault.message, fault.headers, fault.body)
