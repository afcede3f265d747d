"""An answer as a client of Ollama's wire reads it: lines of JSON, or one object.

What an engine of the same wire said comes through: its durations, its unknown fields. From others
the durations are measured here, because clients work out tokens per second from them. The parts of
a line that never change are encoded once, so a piece of text costs one small encoding.
"""

import time
from typing import ClassVar

import orjson

from _llamagate.errors import EngineGarbled, GatewayError
from _llamagate.exchange import (
    Call,
    Embed,
    Embedded,
    Event,
    Fields,
    Finish,
    Logprob,
    Reply,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    ToolUse,
    Waiting,
)
from _llamagate.ids import new_id
from _llamagate.wires.arguments import parse_arguments
from _llamagate.wires.frames import one_line
from _llamagate.wires.ollama.errors import render_error_line

_REASONS = {"tool_calls": "stop", "stop_sequence": "stop", "content_filter": "stop"}
_NANO = 1_000_000_000


class Lines:
    """Events to lines, a batch at a time. What says the text differs between chat and generate."""

    _before_text: ClassVar[bytes]
    _after_text: ClassVar[bytes]

    def __init__(self, model: str, call: Call) -> None:
        self._model = model
        self._call = call
        self._head = b'{"model":%b,"created_at":"' % orjson.dumps(model)
        self._second = 0
        self._dated = b""  # the head of every line within that second
        self._calling: ToolCall | None = None  # whose arguments still come in
        self._arguments: list[str] = []
        self._calls = 0

    @staticmethod
    def said(text: str, extra: Fields, **more: object) -> Fields:
        """The fields of a line that hold what the model said; `extra` came with it."""
        raise NotImplementedError

    def feed(self, events: list[Event]) -> bytes:
        now = time.time_ns()
        if now // _NANO != self._second:
            self._second = now // _NANO
            self._dated = self._head + _seconds(self._second)
        head = b"%b.%09dZ%b" % (self._dated, now % _NANO, self._before_text)
        pieces: list[bytes] = []
        for event in events:
            if (
                type(event) is Text
                and event.extra is None
                and not event.logprobs
                and self._calling is None
            ):
                if event.text:
                    pieces += (head, orjson.dumps(event.text), self._after_text)
            elif not isinstance(event, Waiting):
                self._rich(event, pieces)
        return one_line(b"".join(pieces))

    def end(self) -> bytes:
        return b""

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        return render_error_line(error, request_id)

    def reply(self, reply: Reply) -> bytes:
        return orjson.dumps(self.whole(reply))

    def whole(self, reply: Reply) -> Fields:
        """The whole answer as one object."""
        more: Fields = {}
        if reply.thinking:
            more["thinking"] = reply.thinking
        if reply.tool_calls:
            more["tool_calls"] = [render_call(use, at) for at, use in enumerate(reply.tool_calls)]
        said = self.said(reply.text, {**(reply.extra or {}), **_extra(reply.finish)}, **more)
        if reply.logprobs:
            said["logprobs"] = render_logprobs(reply.logprobs)
        return self._line(said, self._last(reply.finish))

    def _rich(
        self, event: Text | Thinking | ToolCall | ToolArguments | Finish, pieces: list[bytes]
    ) -> None:
        if isinstance(event, ToolArguments):
            self._arguments.append(event.text)
            return
        self._end_call(pieces)
        match event:
            case Text():
                said = self.said(event.text, event.extra or {})
                if event.logprobs:
                    said["logprobs"] = render_logprobs(event.logprobs)
                self._write(pieces, said)
            case Thinking():
                self._write(pieces, self.said("", event.extra or {}, thinking=event.text))
            case ToolCall():
                self._calling = event
                self._arguments = [event.arguments]
            case Finish():
                self._write(pieces, self.said("", _extra(event)), self._last(event))

    def _end_call(self, pieces: list[bytes]) -> None:
        """Calls are told whole on this wire, so one is held until something else follows it."""
        call = self._calling
        if call is None:
            return
        self._calling = None
        use = ToolUse(call.name, "".join(self._arguments), call.id, call.extra)
        said = self.said("", {}, tool_calls=[render_call(use, self._calls)])
        self._calls += 1
        self._write(pieces, said)

    def _write(self, pieces: list[bytes], said: Fields, last: Fields | None = None) -> None:
        pieces += (orjson.dumps(self._line(said, last)), b"\n")

    def _line(self, said: Fields, last: Fields | None) -> Fields:
        """`last` is what only the last line has."""
        line = {"model": self._model, "created_at": created_at(), **said}
        return {**line, "done": False} if last is None else {**line, "done": True, **last}

    def _last(self, finish: Finish) -> Fields:
        """How it ended and what it took; nothing of it where it is nothing."""
        usage = finish.usage
        found = {
            **({} if finish.wire == "ollama" else self._measured(finish)),
            "prompt_eval_count": usage.prompt,
            "eval_count": usage.completion,
        }
        reason = _REASONS.get(finish.reason, finish.reason)
        return {"done_reason": reason, **{name: value for name, value in found.items() if value}}

    def _measured(self, finish: Finish) -> dict[str, int]:
        if finish.reason in ("load", "unload"):
            return {}
        call, now = self._call, time.perf_counter()
        first = call.first_event or now
        waited = call.queue_ms / 1000
        return {
            "total_duration": int((now - call.started) * _NANO),
            "prompt_eval_duration": max(int((first - call.started - waited) * _NANO), 0),
            "eval_duration": int((now - first) * _NANO),
        }


class ChatLines(Lines):
    """Of /api/chat."""

    _before_text = b'","message":{"role":"assistant","content":'
    _after_text = b'},"done":false}\n'

    @staticmethod
    def said(text: str, extra: Fields, **more: object) -> Fields:
        inner = extra.get("message")
        message = {"role": "assistant", "content": text, **more}
        if isinstance(inner, dict):
            message |= inner
        return {"message": message, **{k: v for k, v in extra.items() if k != "message"}}


class GenerateLines(Lines):
    """Of /api/generate."""

    _before_text = b'","response":'
    _after_text = b',"done":false}\n'

    @staticmethod
    def said(text: str, extra: Fields, **more: object) -> Fields:
        return {"response": text, **more, **extra}


def render_embed(model: str, embedded: Embedded, call: Call) -> bytes:
    extra = embedded.extra if embedded.wire == "ollama" else {"total_duration": _since(call)}
    found: Fields = {"model": model, "embeddings": embedded.vectors, **extra}
    if embedded.usage.prompt:
        found["prompt_eval_count"] = embedded.usage.prompt
    return orjson.dumps(found)


def render_embedding(asked: Embed, embedded: Embedded) -> bytes:
    """The older form: one vector, or none where there was no text."""
    vectors = embedded.vectors if asked.inputs else []
    return orjson.dumps({"embedding": vectors[0] if vectors else []})


def render_call(use: ToolUse, index: int) -> Fields:
    inner = use.extra.get("function")
    function = {"index": index, "name": use.name, "arguments": _arguments(use)}
    if isinstance(inner, dict):
        function |= inner
    return {"id": use.id or new_id("call_"), **use.extra, "function": function}


def render_logprobs(entries: tuple[Logprob, ...]) -> list[Fields]:
    return [_logprob(entry) for entry in entries]


def created_at() -> str:
    now = time.time_ns()
    return f"{_seconds(now // _NANO).decode()}.{now % _NANO:09d}Z"


def _seconds(second: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()


def _since(call: Call) -> int:
    return int((time.perf_counter() - call.started) * _NANO)


def _extra(finish: Finish) -> Fields:
    return finish.extra if finish.wire == "ollama" else {}


def _arguments(use: ToolUse) -> Fields:
    found = parse_arguments(use.arguments)
    if found is None:
        raise EngineGarbled("The model called a tool with arguments that are no JSON object.")
    return found


def _logprob(entry: Logprob) -> Fields:
    found: Fields = {"token": entry.token, "logprob": entry.logprob}
    if entry.bytes is not None:
        found["bytes"] = entry.bytes
    if entry.top:
        found["top_logprobs"] = render_logprobs(entry.top)
    return found
