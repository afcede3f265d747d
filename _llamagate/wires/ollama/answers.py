"""What Ollama answers: its lines as events, its lists as models, its vectors.

A stream may end in three ways: with a line that says `done`, with a line that is an error, or
with nothing at all, which is how some failures look; only the first is an answer.
"""

from datetime import datetime
from typing import Any

import orjson

from _llamagate.errors import EngineBroke, EngineError, EngineGarbled
from _llamagate.exchange import (
    Embedded,
    Event,
    Fields,
    Finish,
    Logprob,
    Model,
    Resident,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from _llamagate.wires.frames import Lines
from _llamagate.wires.ollama.errors import parse_error_line

_LINE = {"model", "created_at", "message", "response", "thinking", "tool_calls", "logprobs", "done"}
_FINAL = _LINE | {"done_reason", "prompt_eval_count", "eval_count"}
_MESSAGE = {"role", "content", "thinking", "tool_calls"}
_CALL = {"id", "function"}
_FUNCTION = {"name", "arguments", "index"}


class AnswerParser:
    """Lines of /api/chat or /api/generate to events.

    `forced`: the text is a tool call in JSON, because a call was forced on the model.
    `one_call`: calls after the first are left out, as `parallel_tool_calls: false` asks.
    After a line that is an error, or nonsense, `failure` says so; the events before it still count.
    """

    __slots__ = ("_calls", "_done", "_forced", "_lines", "_one_call", "_text", "failure")

    def __init__(self, *, forced: bool = False, one_call: bool = False) -> None:
        self._lines = Lines()
        self._forced = forced
        self._one_call = one_call
        self._text: list[str] = []
        self._calls = 0
        self._done = False
        self.failure: EngineError | None = None

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for raw in self._lines.feed(data):
            if raw and not self._done:
                self._line(raw, events)
                if self.failure:
                    break
        return events

    def end(self) -> list[Event]:
        """The stream is over: what was left of it, or an error when it was not whole."""
        events: list[Event] = []
        rest = self._lines.rest()
        if rest.strip() and not self._done:
            self._line(rest, events)
        if not self._done and self.failure is None:
            self.failure = EngineBroke("The engine ended its answer without the final line.")
        return events

    def _line(self, raw: bytes, events: list[Event]) -> None:
        try:
            line = orjson.loads(raw)
            if "error" in line:
                self.failure = parse_error_line(line)
                return
            message = line.get("message")
            if isinstance(message, dict):
                text = message.get("content") or ""
                plain = len(line) == 4 and len(message) == 2
            else:
                message = line
                text = line.get("response") or ""
                plain = len(line) == 4
            if not isinstance(text, str):
                raise TypeError("text is not text")
            if not plain or self._forced or line.get("done"):
                self._rich_line(line, message, text, events)
            elif text:
                events.append(Text(text))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if raw.strip():  # else another gateway keeps a quiet line alive with spaces
                self.failure = EngineGarbled("The engine sent a line that is not one of Ollama's.")
                self.failure.__cause__ = error

    def _rich_line(
        self, line: dict[str, Any], message: dict[str, Any], text: str, events: list[Event]
    ) -> None:
        done = bool(line.get("done"))
        extra = None if done else _unknown(line, _LINE, "message", message, _MESSAGE)
        if thinking := message.get("thinking"):
            events.append(Thinking(thinking))
        if self._forced:
            self._text.append(text)
        elif text or extra or line.get("logprobs"):
            events.append(Text(text, logprobs=_logprobs(line.get("logprobs")), extra=extra))
        for call in message.get("tool_calls") or ():
            self._call(call, events)
        if done:
            self._finish(line, message, events)

    def _call(self, call: dict[str, Any], events: list[Event]) -> None:
        function = call.get("function") or {}
        arguments = function.get("arguments")
        self._calls += 1
        if self._calls > 1 and self._one_call:
            return
        text = orjson.dumps(arguments if arguments is not None else {}).decode()
        events.append(
            ToolCall(
                function.get("name", ""),
                text,
                call.get("id") or "",
                extra=_unknown(call, _CALL, "function", function, _FUNCTION) or {},
            )
        )

    def _finish(self, line: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        self._done = True
        if self._forced:
            self._forced_call(events)
        reason = line.get("done_reason") or "stop"
        if self._calls and reason == "stop":
            reason = "tool_calls"
        usage = Usage(line.get("prompt_eval_count") or 0, line.get("eval_count") or 0)
        extra = _unknown(line, _FINAL, "message", message, _MESSAGE) or {}
        events.append(Finish(reason, usage, extra=extra, wire="ollama"))

    def _forced_call(self, events: list[Event]) -> None:
        text = "".join(self._text)
        try:
            call = orjson.loads(text)
            name, arguments = call["name"], call["arguments"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            events.append(Text(text))  # cut off by the token limit: the text is all there is
            return
        self._calls = 1
        events.append(ToolCall(name, orjson.dumps(arguments).decode()))


def _unknown(
    outer: dict[str, Any], known: set[str], name: str, inner: dict[str, Any], inner_known: set[str]
) -> Fields | None:
    """Fields that have no name with us; a client of the same wire gets them as they came. Those of
    the object within stand under its name."""
    extra = {key: value for key, value in outer.items() if key not in known}
    if inner is not outer:
        deeper = {key: value for key, value in inner.items() if key not in inner_known}
        if deeper:
            extra[name] = deeper
    return extra or None


def _logprobs(entries: list[dict[str, Any]] | None) -> tuple[Logprob, ...]:
    if not entries:
        return ()
    return tuple(
        Logprob(
            entry["token"],
            entry["logprob"],
            tuple(entry["bytes"]) if entry.get("bytes") is not None else None,
            _logprobs(entry.get("top_logprobs")),
        )
        for entry in entries
    )


def parse_embed(body: bytes) -> Embedded:
    found = _object(body)
    vectors = found.get("embeddings")
    if not isinstance(vectors, list):
        raise EngineGarbled("The engine answered without embeddings.")
    extra = {
        k: v for k, v in found.items() if k not in ("embeddings", "model", "prompt_eval_count")
    }
    return Embedded(vectors, Usage(found.get("prompt_eval_count") or 0), extra, "ollama")


def parse_tags(body: bytes, engine: str) -> list[Model]:
    return [_model(entry, entry.get("details") or {}, engine) for entry in _entries(body)]


def parse_ps(body: bytes) -> list[Resident]:
    return [
        Resident(
            name=str(entry.get("name") or entry["model"]),
            context_length=entry.get("context_length") or 0,
            size=entry.get("size") or 0,
            size_vram=entry.get("size_vram") or 0,
            expires=_seconds(entry.get("expires_at")),
            quantization=(entry.get("details") or {}).get("quantization_level") or "",
            entry=entry,
        )
        for entry in _entries(body)
    ]


def parse_context_length(body: bytes) -> int:
    """Out of /api/show, where its name begins with the model's architecture; 0 when not said."""
    info = _object(body).get("model_info")
    if not isinstance(info, dict):
        return 0
    length = info.get(f"{info.get('general.architecture')}.context_length")
    return length if isinstance(length, int) else 0


def parse_version(body: bytes) -> str:
    version = _object(body).get("version")
    if not isinstance(version, str):
        raise EngineGarbled("The engine does not tell its version.")
    return version


def parse_show(body: bytes) -> Fields:
    return _object(body)


def _model(entry: dict[str, Any], details: dict[str, Any], engine: str) -> Model:
    return Model(
        name=str(entry.get("name") or entry["model"]),
        engine=engine,
        modified=_seconds(entry.get("modified_at")),
        size=entry.get("size") or 0,
        capabilities=tuple(entry.get("capabilities") or ()),
        context_length=details.get("context_length") or 0,
        family=details.get("family") or "",
        parameters=details.get("parameter_size") or "",
        quantization=details.get("quantization_level") or "",
        digest=entry.get("digest") or "",
        remote=bool(entry.get("remote_host")),
        entry=entry,
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise EngineGarbled("The engine answered with something that is no JSON.") from error
    if not isinstance(found, dict):
        raise EngineGarbled("The engine answered with something that is no JSON object.")
    return found


def _entries(body: bytes) -> list[dict[str, Any]]:
    entries = _object(body).get("models")
    if entries is None:
        return []
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and (entry.get("name") or entry.get("model")) for entry in entries
    ):
        raise EngineGarbled("The engine's list of models is not one.")
    return entries


def _seconds(stamp: object) -> float:
    """RFC 3339 with nanoseconds, which `fromisoformat` of Python 3.11 cuts to microseconds."""
    if not isinstance(stamp, str):
        return 0.0
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError):
        return 0.0
