"""The fake's /api/chat, /api/generate, /api/embed and /api/embeddings."""

import asyncio
import hashlib
import math
import struct
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.ollama.checks import Refused, check, parse, seconds
from tests.fakes.ollama.script import Answer, Call, Cut, FakeModel, Fault
from tests.fakes.ollama.wire import error, json_response, line, now

if TYPE_CHECKING:
    from tests.fakes.ollama.server import FakeOllama

Line = dict[str, Any]


def routes(fake: "FakeOllama") -> list[web.RouteDef]:
    own = _Generation(fake)
    return [
        web.post("/api/chat", own.generate),
        web.post("/api/generate", own.generate),
        web.post("/api/embed", own.embed),
        web.post("/api/embeddings", own.embed_one),
    ]


class _Generation:
    def __init__(self, fake: "FakeOllama") -> None:
        self.fake = fake

    async def generate(self, request: web.Request) -> web.StreamResponse:
        began = time.perf_counter_ns()
        body = parse(await request.read())
        chat = request.path == "/api/chat"
        if chat and not body.get("model"):
            raise Refused(400, "model is required")
        model = self.fake.model(body.get("model") or "", "model '{}' not found")
        body.setdefault("model", "")
        stay = seconds(body.get("keep_alive"))
        empty = not body.get("messages" if chat else "prompt")
        if not (empty and stay == 0):  # an unload asks nothing of a model
            check(request.path, body, model)
        num_ctx = (body.get("options") or {}).get("num_ctx")
        if empty:
            return await self._load_only(body, model, num_ctx, stay, chat)
        answer = self.fake.next_answer(body, model)
        if answer.fault and answer.fault.kind == "status":
            return error(
                answer.fault.status, answer.fault.message, answer.fault.headers, answer.fault.body
            )
        await self.fake.residence.load(model, num_ctx, stay)
        loaded = time.perf_counter_ns() - began
        async with self.fake.residence.slot(model):
            run = _Run(request, body, model, answer, began, loaded)
            response = await (run.plain() if body.get("stream") is False else run.stream())
        self.fake.finished += answer.fault is None
        return response

    async def _load_only(
        self, body: Line, model: FakeModel, num_ctx: int | None, stay: float | None, chat: bool
    ) -> web.Response:
        if stay == 0:
            self.fake.residence.unload(model)
        else:
            await self.fake.residence.load(model, num_ctx, stay)
        said: Line = {"message": {"role": "assistant", "content": ""}} if chat else {"response": ""}
        done = {"done": True, "done_reason": "unload" if stay == 0 else "load"}
        return json_response({"model": body["model"], "created_at": now(), **said, **done})

    async def embed(self, request: web.Request) -> web.Response:
        began = time.perf_counter_ns()
        body = parse(await request.read())
        given = body.get("input")
        inputs = [given] if isinstance(given, str) and given else given or []
        if not isinstance(inputs, list) or not all(isinstance(text, str) for text in inputs):
            raise Refused(400, "invalid input type")
        not_found = 'model "{}" not found, try pulling it first'
        model = self.fake.model(
            body.get("model") or "", not_found if body.get("model") else "model '{}' not found"
        )
        vectors, loaded = await self._vectors(body, model, inputs, 501, began)
        took: Line = {"total_duration": time.perf_counter_ns() - began, "load_duration": loaded}
        took["prompt_eval_count"] = sum(len(text.split()) for text in inputs)
        return json_response(
            {"model": body["model"], "embeddings": vectors, **(took if inputs else {})}
        )

    async def embed_one(self, request: web.Request) -> web.Response:
        body = parse(await request.read())
        if not body.get("model"):
            raise Refused(400, "model is required")
        model = self.fake.model(body["model"], 'model "{}" not found, try pulling it first')
        inputs = [body["prompt"]] if body.get("prompt") else []
        vectors, _ = await self._vectors(body, model, inputs, 500, 0)
        return json_response({"embedding": vectors[0] if vectors else []})

    async def _vectors(
        self, body: Line, model: FakeModel, inputs: list[str], unable: int, began: int
    ) -> tuple[list[list[float]], int]:
        num_ctx = (body.get("options") or {}).get("num_ctx")
        await self.fake.residence.load(model, num_ctx, seconds(body.get("keep_alive")))
        loaded = time.perf_counter_ns() - began
        if inputs and "embedding" not in model.capabilities:
            hint = "Start it with `--embeddings`"
            raise Refused(unable, f"This server does not support embeddings. {hint}")
        answer = self.fake.next_answer(body, model)
        if answer.fault:
            raise Refused(answer.fault.status, answer.fault.message)
        vectors = []
        for text in inputs:
            if not text:
                message = "input exceeds maximum context length and cannot be truncated further"
                raise Refused(400, message)
            async with self.fake.residence.slot(model):
                await asyncio.sleep(answer.first)
                vectors.append(vector(text, body.get("dimensions") or 8))
        self.fake.finished += 1
        return vectors, loaded


def vector(text: str, dimensions: int) -> list[float]:
    """Always the same one for a text, of length 1."""
    numbers = struct.unpack("16h", hashlib.sha256(text.encode()).digest())[: min(dimensions, 16)]
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [round(number / length, 8) for number in numbers]


class _Run:
    """One answer on its way out."""

    def __init__(
        self,
        request: web.Request,
        body: Line,
        model: FakeModel,
        answer: Answer,
        began: int,
        loaded: int,
    ) -> None:
        self.request = request
        self.body = body
        self.model = model
        self.answer = answer
        self.began = began
        self.loaded = loaded
        self.chat = request.path == "/api/chat"
        self.pieces, self.done_reason = self._pieces()

    def _pieces(self) -> tuple[list[tuple[str, str]], str]:
        """What is to be said, each piece with its kind, as far as the request allows."""
        options = self.body.get("options") or {}
        thinks = "thinking" in self.model.capabilities and self.body.get("think") is not False
        thoughts = [("thinking", piece) for piece in self.answer.thinking] if thinks else []
        words = [("text", piece) for piece in _stopped(self.answer.words, options.get("stop"))]
        pieces = thoughts + words
        limit = options.get("num_predict") or -1
        if 0 < limit < len(pieces):
            return pieces[:limit], "length"
        return pieces, self.answer.done_reason

    async def stream(self) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        fault = self.answer.fault
        held = b""
        await asyncio.sleep(self.answer.first)
        for number, (kind, piece) in enumerate(self.pieces):
            if fault and number == fault.after:
                return await self._fail(response, fault, held)
            if number:
                await asyncio.sleep(self.answer.pace)
            held += line(self._line(kind, piece))
            if (number + 1) % self.answer.burst == 0:
                held = await self._send(response, held)
        if fault:
            return await self._fail(response, fault, held)
        if self.model.rendered and self.answer.tool_calls:
            held += line(self._line("text", "", calls=self.answer.tool_calls))
        await self._send(response, held + line(self._last("")))
        await response.write_eof()
        return response

    async def _send(self, response: web.StreamResponse, data: bytes) -> bytes:
        if not response.prepared:
            await response.prepare(self.request)
        if data:
            await response.write(data)
        return b""

    async def _fail(
        self, response: web.StreamResponse, fault: Fault, held: bytes
    ) -> web.StreamResponse:
        if fault.after and held:
            await self._send(response, held)
        match fault.kind:
            case "cut":
                await asyncio.sleep(0.02)  # what was written leaves before the connection breaks
                raise Cut
            case "hang":
                await asyncio.Event().wait()
            case "error" if not response.prepared:
                return error(fault.status, fault.message)
            case "error":
                await self._send(response, line({"error": fault.message}))
            case "garbage":
                await self._send(response, fault.body or b"")
        await self._send(response, b"")
        await response.write_eof()
        return response

    async def plain(self) -> web.StreamResponse:
        fault = self.answer.fault
        pace = self.answer.pace * max(len(self.pieces) - 1, 0)
        await asyncio.sleep(self.answer.first + pace)
        if fault is None:
            return json_response(self._whole(self.pieces))
        if fault.kind != "silent":
            return await self._fail(web.StreamResponse(), fault, b"")
        said = self._whole(self.pieces[: fault.after])
        kept = ("model", "created_at", "message", "response")
        return json_response({**{k: v for k, v in said.items() if k in kept}, "done": False})

    def _whole(self, pieces: list[tuple[str, str]]) -> Line:
        text = "".join(piece for kind, piece in pieces if kind == "text")
        whole = self._last(text)
        thinking = "".join(piece for kind, piece in pieces if kind == "thinking")
        if thinking:
            (whole["message"] if self.chat else whole)["thinking"] = thinking
        if self.answer.tool_calls:
            self._add_calls(whole, self.answer.tool_calls)
        if self.body.get("logprobs"):
            whole["logprobs"] = [self._logprob(piece) for _, piece in pieces]
        return whole

    def _line(self, kind: str, piece: str, calls: tuple[Call, ...] = ()) -> Line:
        said: Line = {"response": piece if kind == "text" else ""}
        if self.chat:
            said = {"message": {"role": "assistant", "content": said["response"]}}
        if kind == "thinking":
            (said["message"] if self.chat else said)["thinking"] = piece
        whole = {"model": self.body["model"], "created_at": now(), **said, "done": False}
        if self.body.get("logprobs") and piece:
            whole["logprobs"] = [self._logprob(piece)]
        self._add_calls(whole, calls)
        return whole

    def _last(self, text: str) -> Line:
        last = self._line("text", "")
        if self.chat:
            last["message"]["content"] = text
        else:
            last["response"] = text
        if not self.model.rendered:
            self._add_calls(last, self.answer.tool_calls)
        last |= {"done": True, "done_reason": self.done_reason}
        if not self.chat and not self.body.get("raw"):
            last["context"] = [1, 2, 3]
        return last | self._durations()

    def _durations(self) -> Line:
        total = time.perf_counter_ns() - self.began
        said = str(self.body.get("prompt") or [m.get("content") for m in self.body["messages"]])
        prompt = self.answer.prompt_tokens
        return {
            "total_duration": total,
            "load_duration": self.loaded,
            "prompt_eval_count": len(said.split()) if prompt is None else prompt,
            "prompt_eval_duration": 1_000_000,
            "eval_count": len(self.pieces) + 1,
            "eval_duration": max(total - self.loaded - 1_000_000, 1),
        }

    def _add_calls(self, said: Line, calls: tuple[Call, ...]) -> None:
        if not calls:
            return
        (said["message"] if self.chat else said)["tool_calls"] = [
            {
                **({} if call.id is None else {"id": call.id}),
                "function": {"index": index, "name": call.name, "arguments": call.arguments},
            }
            for index, call in enumerate(calls)
        ]

    def _logprob(self, piece: str) -> Line:
        one: Line = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
        if top := self.body.get("top_logprobs"):
            others = [{"token": f"{piece}{n}", "logprob": -1.0 - n} for n in range(top - 1)]
            one["top_logprobs"] = [dict(one), *({**o, "bytes": [63]} for o in others)]
        return one


def _stopped(words: tuple[str, ...], stops: list[str] | None) -> list[str]:
    """The words up to the first stop string."""
    text = "".join(words)
    ends = [at for stop in stops or [] if (at := text.find(stop)) >= 0]
    left = min(ends, default=len(text))
    kept = []
    for word in words:
        if left > 0:
            kept.append(word[:left])
        left -= len(word)
    return kept
