"""The demo engine's server: Ollama's paths on a loopback port, at a steady rate."""

import asyncio
import hashlib
import math
import time
from typing import Self

import msgspec
import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

from _llamagate.demo.lines import Answer, Line
from _llamagate.demo.models import DIMENSIONS, Memory, Refusal, find, show, tags
from _llamagate.demo.speech import Ask, tokens
from _llamagate.wires.ollama import SPOKEN

_HELLO = "Ollama is running (not really: this is the demo engine of LlamaGate)"
_LARGEST_BODY = 256 * 1024 * 1024  # the gateway has its own, smaller limit


class Demo:
    """async with Demo() as demo: ... demo.url ..."""

    def __init__(self, rate: float = 50.0) -> None:
        self._rate = rate  # tokens a second
        self._memory = Memory()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[_refusals], client_max_size=_LARGEST_BODY)
        app.add_routes(self._routes())
        # Without `handler_cancellation` it would talk on to clients that have left.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", _root),
            web.get("/api/version", _version),
            web.get("/api/tags", _tags),
            web.get("/api/ps", self._ps),
            web.post("/api/show", _show),
            web.post("/api/chat", self._chat),
            web.post("/api/generate", self._generate),
            web.post("/api/embed", self._embed),
            web.post("/api/embeddings", self._embed_one),
            web.route("*", "/api/{path:.*}", _absent),
        ]

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._speak(request, await _asked(request), chat=True)

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        return await self._speak(request, await _asked(request), chat=False)

    async def _speak(self, request: web.Request, ask: Ask, *, chat: bool) -> web.StreamResponse:
        model = find(ask.model)
        empty = not (ask.messages if chat else ask.prompt)
        unload = empty and ask.keep_alive in (0, "0")
        if "completion" not in model.capabilities and not unload:
            raise Refusal(400, f'"{ask.model}" does not support {"chat" if chat else "generate"}')
        self._memory.keep(model, ask.keep_alive)
        answer = Answer(ask, chat=chat)
        if empty:
            return _json(answer.loaded(still=self._memory.holds(model)))
        rate = self._rate if model.paced else math.inf
        return await (_stream(request, answer, rate) if ask.stream else _plain(answer, rate))

    async def _embed(self, request: web.Request) -> web.Response:
        ask = await _asked(request)
        texts = [ask.input] if isinstance(ask.input, str) else ask.input or []
        vectors = self._vectors(ask, texts)
        count = sum(len(tokens(text)) for text in texts)
        return _json({"model": ask.model, "embeddings": vectors, "prompt_eval_count": count})

    async def _embed_one(self, request: web.Request) -> web.Response:
        ask = await _asked(request)
        vectors = self._vectors(ask, [ask.prompt] if ask.prompt else [])
        return _json({"embedding": vectors[0] if vectors else []})

    def _vectors(self, ask: Ask, texts: list[str]) -> list[list[float]]:
        model = find(ask.model)
        if "embedding" not in model.capabilities:
            raise Refusal(501, f'"{ask.model}" does not support embeddings; demo-embed does')
        self._memory.keep(model, ask.keep_alive)
        return [_vector(text, ask.dimensions or DIMENSIONS) for text in texts]

    async def _ps(self, request: web.Request) -> web.Response:
        return _json(self._memory.listing())


async def _stream(request: web.Request, answer: Answer, rate: float) -> web.StreamResponse:
    """A token a line. The head goes with the first one, as Ollama's does."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    began = time.monotonic()
    for number, line in enumerate(answer.lines(), 1):
        await asyncio.sleep(began + number / rate - time.monotonic())
        await _write(request, response, line)
    await _write(request, response, answer.last())
    await response.write_eof()
    return response


async def _write(request: web.Request, response: web.StreamResponse, line: Line) -> None:
    if not response.prepared:
        await response.prepare(request)
    await response.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


async def _plain(answer: Answer, rate: float) -> web.Response:
    await asyncio.sleep(len(answer.lines()) / rate)
    return _json(answer.whole())


async def _root(request: web.Request) -> web.Response:
    return web.Response(text=_HELLO)


async def _version(request: web.Request) -> web.Response:
    return _json({"version": SPOKEN})


async def _tags(request: web.Request) -> web.Response:
    return _json(tags())


async def _show(request: web.Request) -> web.Response:
    return _json(show(find((await _asked(request)).model)))


async def _absent(request: web.Request) -> web.Response:
    raise Refusal(404, f"the demo engine has no {request.method} {request.path}")


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return _json({"error": str(refusal)}, refusal.status)


async def _asked(request: web.Request) -> Ask:
    body = await request.read()
    if not body:
        raise Refusal(400, "missing request body")
    try:
        ask = msgspec.json.decode(body, type=Ask)
    except msgspec.MsgspecError as error:
        raise Refusal(400, str(error)) from error
    if not ask.model:
        raise Refusal(400, "model is required")
    return ask


def _vector(text: str, dimensions: int) -> list[float]:
    """The sum of a vector for each word, of length 1: texts that share words are near."""
    sums = [0.0] * min(dimensions, DIMENSIONS)
    for word in tokens(text.lower()) or [""]:
        for place, byte in enumerate(hashlib.shake_128(word.strip().encode()).digest(len(sums))):
            sums[place] += byte - 127.5
    length = math.sqrt(sum(value * value for value in sums))
    return [value / length for value in sums]


def _json(value: Line, status: int = 200) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(value), content_type="application/json", charset="utf-8"
    )
