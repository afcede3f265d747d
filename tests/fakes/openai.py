"""An OpenAI-compatible engine that answers honestly, with the habits of whichever server is meant.

    async with OpenAIServer(Habits(done=False, usage="choice")) as server:
        ... server.url; server.asked holds the bodies, server.headers the headers ...

It says "Hello from a small fake." a piece at a time unless it has other words, thinks first when it
is told to, and calls the tools it is offered until it has seen a result.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

import orjson
from aiohttp import web

WORDS = ("Hello", " from", " a", " small", " fake.")
THOUGHT = ("Let", " me", " think.")
ARGUMENTS = ('{"city"', ': "Paris"}')
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": None,
}
MODELS = ({"id": "toy", "object": "model", "created": 1_700_000_000, "owned_by": "me"},)


@dataclass(frozen=True, slots=True)
class Habits:
    """How servers differ, the best-behaved first."""

    done: bool = True  # `transformers serve` sends no [DONE]
    usage: str = "chunk"  # "choice": on the last one; "every": on each; "": none
    thinking: str = ""  # the name of its field for thoughts
    named_once: bool = True  # a tool call's id and name come with its first piece only
    indexed: bool = True  # tool calls carry an index
    streams: bool = True  # else a whole answer, whatever was asked
    ends: str = "\n"
    chatty: bool = False  # comments, event names, ids
    fails_after: int | None = None  # pieces until an error stands in the stream
    cut_after: int | None = None  # pieces until the connection breaks
    silent_after: int | None = None  # pieces until it ends as if all were well
    words: tuple[str, ...] = WORDS
    pace: float = 0.0  # seconds between two pieces
    knows: frozenset[str] | None = None  # other fields are answered with 422
    refusal: tuple[int, object] | None = None  # to everything
    models: tuple[dict[str, Any], ...] | None = MODELS  # None: 500


WELL_BEHAVED = Habits()


class OpenAIServer:
    def __init__(self, habits: Habits = WELL_BEHAVED) -> None:
        self.habits = habits
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections: set[object] = set()
        self.running = 0  # answers that are on their way now

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/{path:(chat/)?completions}", self._generate)
        app.router.add_post("/v1/embeddings", self._embed)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        if self.habits.models is None:
            return web.Response(status=500, text="Internal Server Error")
        return _json({"object": "list", "data": self.habits.models})

    async def _embed(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        vectors = [
            {"object": "embedding", "index": at, "embedding": [float(len(text)), 0.5]}
            for at, text in enumerate(body["input"])
        ]
        return self._refusal() or _json(
            {"object": "list", "data": vectors[::-1], "model": body["model"], "usage": USAGE}
        )

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await self._body(request)
        unknown = set(body) - self.habits.knows if self.habits.knows is not None else set()
        if unknown:
            detail = [{"loc": ["body", name], "msg": "Extra inputs"} for name in sorted(unknown)]
            return _json({"detail": detail}, 422)
        if refusal := self._refusal():
            return refusal
        chat = request.path.endswith("/chat/completions")
        if not self.habits.streams:
            return _json(self._whole(body, chat))
        self.running += 1
        try:
            return await self._stream(request, body, chat)
        finally:
            self.running -= 1

    async def _body(self, request: web.Request) -> dict[str, Any]:
        body: dict[str, Any] = orjson.loads(await request.read())
        self.asked.append(body)
        self.paths.append(request.path)
        self.headers.append(dict(request.headers))
        assert request.transport is not None
        self.connections.add(request.transport.get_extra_info("peername"))
        return body

    def _refusal(self) -> web.Response | None:
        if self.habits.refusal is None:
            return None
        status, body = self.habits.refusal
        return (
            _json(body, status)
            if not isinstance(body, str)
            else web.Response(status=status, text=body, headers={"Retry-After": "3"})
        )

    async def _stream(
        self, request: web.Request, body: dict[str, Any], chat: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        at = 0
        async for chunk in self._chunks(body, chat):
            if at == self.habits.cut_after:
                assert request.transport is not None
                request.transport.abort()
                return response
            if at == self.habits.silent_after:
                return response
            if at == self.habits.fails_after:
                chunk = {"error": {"message": "out of memory", "type": "server_error"}}
            await response.write(self._frame(chunk))
            if "error" in chunk:
                return response
            at += 1
        if self.habits.done:
            await response.write(f"data: [DONE]{self.habits.ends * 2}".encode())
        return response

    def _frame(self, chunk: dict[str, Any]) -> bytes:
        end = self.habits.ends
        lines = [f": ping{end}", f"event: chunk{end}", f"id: 1{end}"] if self.habits.chatty else []
        lines.append(f"data: {orjson.dumps(chunk).decode()}{end}{end}")
        return "".join(lines).encode()

    async def _chunks(self, body: dict[str, Any], chat: bool) -> AsyncIterator[dict[str, Any]]:
        habits = self.habits
        wants_usage = body.get("stream_options", {}).get("include_usage") is True
        fixed = {"id": "c1", "object": "chunk", "created": 1, "model": body["model"], "more": "yes"}
        if habits.usage == "every":
            fixed["usage"] = {"prompt_tokens": 0, "completion_tokens": 0}
        choices, reason = self._choices(body, chat)
        for choice in choices:
            yield fixed | {"choices": [{"index": 0, "finish_reason": None, **choice}]}
            await asyncio.sleep(habits.pace)
        empty: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
        last = fixed | {"choices": [{"index": 0, "finish_reason": reason, **empty}]}
        if habits.usage == "choice":
            last["usage"] = USAGE
        yield last
        if habits.usage in ("chunk", "every") and wants_usage:
            yield fixed | {"choices": [], "usage": USAGE}

    def _choices(self, body: dict[str, Any], chat: bool) -> tuple[list[dict[str, Any]], str]:
        if not chat:
            return [{"text": word} for word in self.habits.words], "stop"
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if self.habits.thinking:
            deltas += [{self.habits.thinking: word} for word in THOUGHT]
        answered = body["messages"][-1]["role"] == "tool"
        if body.get("tools") and body.get("tool_choice") != "none" and not answered:
            for at, tool in enumerate(body["tools"]):
                deltas += self._calls(at, tool["function"]["name"])
            return [{"delta": delta} for delta in deltas], "tool_calls"
        deltas += [{"content": word} for word in self.habits.words]
        return [{"delta": delta} for delta in deltas], "stop"

    def _calls(self, at: int, name: str) -> list[dict[str, Any]]:
        pieces: list[dict[str, Any]] = []
        for piece, arguments in enumerate(("", *ARGUMENTS)):
            call: dict[str, Any] = {"index": at} if self.habits.indexed else {}
            function = {"arguments": arguments}
            if piece == 0 or not self.habits.named_once:
                call |= {"id": f"call{at}", "type": "function"}
                function["name"] = name
            pieces.append({"tool_calls": [{**call, "function": function}]})
        return pieces

    def _whole(self, body: dict[str, Any], chat: bool) -> dict[str, Any]:
        message = {"role": "assistant", "content": "".join(self.habits.words)}
        kind = {"message": message} if chat else {"text": message["content"]}
        choice = {"index": 0, **kind, "finish_reason": "stop"}
        return {"id": "c1", "model": body["model"], "choices": [choice], "usage": USAGE}


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
