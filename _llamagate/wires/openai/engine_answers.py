"""What an OpenAI-compatible engine answers to a chat or a completion, as events.

Servers differ in all that is not the text. [DONE] may be missing; usage may stand on the last
choice, in a chunk of its own, or nowhere; thinking has two names; an error may come inside the
stream, and a whole answer instead of one. What ends without a reason and without [DONE] was cut
off.
"""

import orjson
from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from _llamagate.errors import EngineBroke, EngineError, EngineGarbled
from _llamagate.exchange import (
    Event,
    Fields,
    Finish,
    Logprob,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Usage,
)
from _llamagate.wires.frames import MAX_FRAME, Lines
from _llamagate.wires.openai.engine_errors import parse_stream_error

_REASONS = {
    "function_call": "tool_calls",
    "max_tokens": "length",
    **{name: name for name in ("length", "tool_calls", "content_filter", "load", "unload")},
}


class _Details(Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Logprob(Struct):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["_Logprob"] | None = None


class _Logprobs(Struct):
    content: list[_Logprob] | None = None
    tokens: list[str] | None = None  # these three in a completion
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class _Function(Struct):
    name: str | None = None
    arguments: str | Fields | None = None


class _Call(Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Part(Struct):
    text: str = ""


class _Message(Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct):
    delta: _Message | None = None
    message: _Message | None = None  # in an answer that is no stream
    text: str | None = None  # in a completion
    finish_reason: str | None = None
    stop_reason: str | int | None = None  # vLLM: what stopped it
    logprobs: _Logprobs | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: WireUsage | None = None
    error: str | Fields | None = None


_chunk = Decoder(_Chunk)
_KNOWN = {"id", "object", "created", "model", *_Chunk.__struct_fields__}


class AnswerParser:
    """The answer to a chat or a completion to events.

    `one_call`: calls after the first are left out, as `parallel_tool_calls: false` asks. After an
    error in the stream `failure` holds it; the events before it still count.
    """

    def __init__(self, *, one_call: bool = False) -> None:
        self._lines = Lines()
        self._whole: list[bytes] | None = None  # an answer that is JSON and no stream
        self._begun = False
        self._size = 0
        self._one_call = one_call
        self._calls = 0
        self._current: tuple[int | None, str | None] = (None, None)  # index, id of the last call
        self._pieces = 0
        self._usage: Usage | None = None
        self._reason = ""
        self._stop = ""
        self._extra: Fields = {}
        self.done = False
        self.failure: EngineError | None = None

    def feed(self, data: bytes) -> list[Event]:
        if not self._begun:
            self._begin(data.lstrip()[:1])
        self._size += len(data)
        events: list[Event] = []
        if self._whole is not None:
            self._hold(data)
            return events
        for line in self._lines.feed(data):
            self._line(line, events)
        return events

    def end(self) -> list[Event]:
        """The stream is over: what was left of it, or an error when it was not whole."""
        events: list[Event] = []
        if self._whole is None:
            self._line(self._lines.rest(), events)
        else:
            self._data(b"".join(self._whole), events)
        if self._reason:
            self._finish(events)
        if not self.done and (self.failure is None or isinstance(self.failure, EngineGarbled)):
            self.failure = EngineBroke("The engine ended its answer without a reason to end.")
        return events

    def _begin(self, first: bytes) -> None:
        self._begun = bool(first)
        if first == b"{":
            self._whole = []
        elif first == b"<":
            self.failure = EngineGarbled("The engine answered with a web page: check its address.")

    def _hold(self, data: bytes) -> None:
        if self._whole is not None and self._size <= MAX_FRAME:
            self._whole.append(data)
        else:
            raise EngineGarbled(f"The engine sent an answer of more than {MAX_FRAME} bytes.")

    def _line(self, line: bytes, events: list[Event]) -> None:
        if self.done or self.failure is not None:
            return
        if line.startswith(b"data:"):
            self._data(line[5:], events)
        elif line.startswith(b"error:"):  # as older llama-servers name the field
            self._data(b'{"error":%b}' % line[6:], events)

    def _data(self, data: bytes, events: list[Event]) -> None:
        try:
            chunk = _chunk.decode(data)
        except DecodeError as error:
            if data.strip() == b"[DONE]":
                self._finish(events)
            elif data.strip():
                self.failure = EngineGarbled(f"The engine sent what is no chunk: {error}.")
            return
        if chunk.error:
            self.failure = parse_stream_error(chunk.error)
            return
        choice = chunk.choices[0] if chunk.choices else None
        if choice is not None:
            self._choice(choice, events)
        if chunk.usage is not None:
            self._usage = usage_of(chunk.usage)
        if choice is None or choice.finish_reason:
            self._note_extra(data)

    def _choice(self, choice: _Choice, events: list[Event]) -> None:
        message = choice.delta or choice.message
        if message is None:
            text, thinking = choice.text, None
        else:
            text = _text(message)
            thinking = message.reasoning_content or message.reasoning
        if thinking:
            self._pieces += 1
            events.append(Thinking(thinking))
        if text or choice.logprobs:
            self._pieces += 1
            events.append(Text(text or "", logprobs=_logprobs(choice.logprobs)))
        if message is not None and message.tool_calls:
            for call in message.tool_calls:
                self._call(call, events)
        if choice.finish_reason:
            self._reason = choice.finish_reason
            if isinstance(choice.stop_reason, str):
                self._stop = choice.stop_reason

    def _call(self, call: _Call, events: list[Event]) -> None:
        function = call.function or _Function()
        arguments = function.arguments or ""
        if not isinstance(arguments, str):
            arguments = orjson.dumps(arguments).decode()
        begins = self._begins(call, function.name)
        if begins:
            self._calls += 1
            self._current = (call.index, call.id)
        if self._calls > 1 and self._one_call:
            return
        self._pieces += 1
        if begins:
            events.append(ToolCall(function.name or "", arguments, call.id or ""))
        elif arguments:
            events.append(ToolArguments(arguments))

    def _begins(self, call: _Call, name: str | None) -> bool:
        """Some servers give all calls one index, some none at all; some repeat id and name."""
        index, call_id = self._current
        if not self._calls:
            return True
        if call.id and call_id:
            return call.id != call_id
        if call.index is not None:
            return call.index != index
        return bool(name)

    def _note_extra(self, data: bytes) -> None:
        """Fields beside the choices that have no name with us, as the last chunks have them."""
        for name, value in orjson.loads(data).items():
            if name not in _KNOWN and value is not None:
                self._extra[name] = value

    def _finish(self, events: list[Event]) -> None:
        if self.done or self.failure is not None:
            return
        self.done = True
        reason = _REASONS.get(self._reason, "stop")
        if self._calls and reason == "stop":
            reason = "tool_calls"
        elif self._stop and reason == "stop":
            reason = "stop_sequence"
        # Without usage, pieces are counted: each is about a token, and nobody asks for free.
        usage = self._usage or Usage(0, self._pieces)
        events.append(Finish(reason, usage, self._stop, extra=self._extra, wire="openai"))


def _text(message: _Message) -> str:
    if isinstance(message.content, list):
        return "".join(part.text for part in message.content)
    return message.content or message.refusal or ""


def usage_of(found: WireUsage | None) -> Usage:
    if found is None:
        return Usage()
    prompt = found.prompt_tokens_details or _Details()
    completion = found.completion_tokens_details or _Details()
    return Usage(
        found.prompt_tokens or 0,
        found.completion_tokens or 0,
        prompt.cached_tokens or 0,
        completion.reasoning_tokens or 0,
    )


def _logprobs(found: _Logprobs | None) -> tuple[Logprob, ...]:
    if found is None:
        return ()
    if found.content is not None:
        return tuple(_logprob(entry) for entry in found.content)
    tokens = zip(found.tokens or (), found.token_logprobs or (), strict=False)
    tops = found.top_logprobs or []
    return tuple(
        Logprob(
            token,
            logprob or 0.0,  # the first of a prompt has none
            top=tuple(Logprob(*pair) for pair in (tops[at] or {}).items()) if tops else (),
        )
        for at, (token, logprob) in enumerate(tokens)
    )


def _logprob(entry: _Logprob) -> Logprob:
    return Logprob(
        entry.token,
        entry.logprob,
        tuple(entry.bytes) if entry.bytes is not None else None,
        tuple(_logprob(top) for top in entry.top_logprobs or ()),
    )
