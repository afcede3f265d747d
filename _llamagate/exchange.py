"""One request and its answer, in nobody's wire format.

Every wire parses into these values and renders from them, so the gateway never knows which
dialect a client spoke or which engine answered. A field earns a name here when two wires have
it or the gateway reads it; all else rides in `extra`, under the name of its wire.

The values are msgspec structs: immutable, made in C (an event is built for every token), and
one call turns a whole request into the bytes of its cache key, so no field can be forgotten.
How long a request may take, who may ask and what is cached is decided in the rooms above.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from msgspec import Struct, field

Wire: TypeAlias = Literal["openai", "ollama", "anthropic"]
Fields: TypeAlias = dict[str, object]

# ---------------------------------------------------------------- what is asked


class TextPart(Struct, frozen=True, tag="text"):
    text: str


class ImagePart(Struct, frozen=True, tag="image"):
    data: str  # standard base64, no data-URL prefix
    media_type: str = ""  # "" when the wire does not say


class AudioPart(Struct, frozen=True, tag="audio"):
    data: str  # standard base64
    format: str = ""


Part: TypeAlias = TextPart | ImagePart | AudioPart


class Tool(Struct, frozen=True):
    name: str
    description: str = ""
    parameters: Fields = {}  # a JSON schema, as the client gave it
    strict: bool = False
    extra: Fields = {}


class ToolUse(Struct, frozen=True):
    """A call an assistant made earlier in the conversation."""

    name: str
    arguments: str  # JSON text of an object
    id: str = ""
    extra: Fields = {}


class Message(Struct, frozen=True):
    role: str  # system, developer, user, assistant, tool; Ollama's wire lets any string pass
    content: str | tuple[Part, ...] = ""
    thinking: str = ""
    tool_calls: tuple[ToolUse, ...] = ()
    tool_call_id: str = ""  # on a tool's result
    tool_name: str = ""  # on a tool's result; found by id where the wire does not say
    is_error: bool = False  # on a tool's result
    extra: Fields = {}

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


class Generation(Struct, frozen=True, kw_only=True):
    """What a chat and a completion have in common. None means: the client did not say."""

    model: str
    stream: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    stop: tuple[str, ...] = ()
    think: bool | str | None = None  # a string is a level: low, medium, high, max
    format: str | Fields | None = None  # "json", or a JSON schema
    logprobs: bool = False
    top_logprobs: int = 0
    num_ctx: int | None = None
    keep_alive: float | str | None = None
    options: Fields = {}  # Ollama's options that have no name above
    wire: Wire = "openai"  # whose fields `extra` holds
    extra: Fields = {}  # fields that have no name above and may change the answer
    hints: Fields = {}  # fields that have no name above and change nothing of the answer


class Chat(Generation, frozen=True, kw_only=True, tag="chat"):
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"  # auto, none, required, or "=NAME" for one function
    parallel_tool_calls: bool = True


class Completion(Generation, frozen=True, kw_only=True, tag="completion"):
    prompt: str
    suffix: str = ""
    system: str | None = None
    images: tuple[ImagePart, ...] = ()
    raw: bool = False  # no template


class Embed(Struct, frozen=True, kw_only=True, tag="embed"):
    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    truncate: bool | None = None
    keep_alive: float | str | None = None
    options: Fields = {}
    wire: Wire = "openai"
    extra: Fields = {}


# ---------------------------------------------------------------- what comes back


class Usage(Struct, frozen=True):
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0


class Logprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple["Logprob", ...] = ()


class Text(Struct, frozen=True, gc=False, tag=True):
    text: str
    choice: int = 0
    logprobs: tuple[Logprob, ...] = ()
    extra: Fields | None = None


class Thinking(Struct, frozen=True, gc=False, tag=True):
    text: str
    choice: int = 0
    extra: Fields | None = None


class ToolCall(Struct, frozen=True, tag=True):
    """A call begins. `arguments` is JSON text: whole, or its first piece."""

    name: str
    arguments: str = ""
    id: str = ""  # "" when the engine gave none; the renderer mints one
    choice: int = 0
    extra: Fields = {}


class ToolArguments(Struct, frozen=True, tag=True):
    """The next piece of the arguments of the call that began last."""

    text: str
    choice: int = 0


class Waiting(Struct, frozen=True):
    """Not yet running: place in the queue (1 is next) and the wait to expect."""

    position: int
    expected_ms: int


class Finish(Struct, frozen=True, tag=True):
    """The last event of a choice. A stream without one was cut off."""

    reason: str  # stop, length, tool_calls, stop_sequence, content_filter, load, unload
    usage: Usage = Usage()
    stop_sequence: str = ""
    choice: int = 0
    extra: Fields = {}  # of the engine's wire, e.g. Ollama's durations
    wire: str = ""  # whose fields `extra` holds


Said: TypeAlias = Text | Thinking | ToolCall | ToolArguments | Finish
Event: TypeAlias = Said | Waiting
Events: TypeAlias = AsyncGenerator[list[Event], None]  # one batch for one network read


class Reply(Struct, frozen=True):
    """A whole answer of one choice."""

    text: str
    finish: Finish
    thinking: str = ""
    tool_calls: tuple[ToolUse, ...] = ()
    logprobs: tuple[Logprob, ...] = ()
    choice: int = 0
    extra: Fields | None = None


class Embedded(Struct, frozen=True):
    vectors: list[list[float]]
    usage: Usage = Usage()
    extra: Fields = {}
    wire: str = ""


class Model(Struct, frozen=True):
    """One model as an engine lists it. Only `name` is certain."""

    name: str  # the engine's exact spelling
    engine: str = ""
    kind: str = "ollama"  # of the engine
    modified: float = 0.0  # unix seconds
    size: int = 0
    capabilities: tuple[str, ...] = ()
    context_length: int = 0
    family: str = ""
    parameters: str = ""  # how many, as its maker says it: 8.0B
    quantization: str = ""  # such as Q4_K_M
    digest: str = ""
    remote: bool = False  # it runs on another machine than the engine's
    entry: Fields = {}  # the whole entry of the engine's wire


class Resident(Struct, frozen=True):
    """A model in an engine's memory."""

    name: str
    context_length: int = 0
    size: int = 0
    size_vram: int = 0
    expires: float = 0.0  # unix seconds
    quantization: str = ""
    entry: Fields = {}  # the whole entry of the engine's wire


# ---------------------------------------------------------------- who asks, and what came of it


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a credential stands for, and what comes with it."""

    name: str
    role: str = "user"  # admin, user, or a role of the operator's own
    admin: bool = False
    weight: float = 1.0
    priority: str = "interactive"  # interactive, batch
    models: tuple[str, ...] | None = None  # allow-list; None is every model
    account: str = ""  # limits, turns and what is kept go by this; left out, by the name

    def __post_init__(self) -> None:
        if not self.account:
            object.__setattr__(self, "account", self.name)


NOBODY = Caller("")


class Call(Struct, eq=False):
    """One request from entry to access log: who asks and, filled in on the way, what came of it."""

    id: str
    address: str = ""  # of the client, as seen through trusted proxies only
    started: float = field(default_factory=time.perf_counter)
    caller: Caller = NOBODY
    person: str = ""  # the person behind the caller, where the client names one
    hops: int = 0  # gateways this request has come through
    via: str = ""  # their ids and ours
    looped: bool = False  # ours was among them already
    no_store: bool = False  # the client wants nothing kept of it
    no_cache: bool = False  # nor anything old
    model: str = ""
    engine: str = ""
    cache: str = ""  # HIT, MISS, BYPASS
    age: int = 0
    ignored: tuple[str, ...] = ()  # parameters that changed nothing
    queue_position: int = 0
    queue_ms: int = 0
    context_full: bool = False
    first_event: float = 0.0
    engine_seconds: float = 0.0  # how long the engine worked on it
    usage: Usage = Usage()
    error: str = ""
    limit: tuple[tuple[str, str], ...] = ()  # what is left of the caller's rate, as headers
    task: "asyncio.Task[object] | None" = None  # that answers it, while it does
    gone: bool = False  # its client has left
    shared: bool = False  # others wait for what it runs, so that must go on without its client

    def client_left(self) -> None:
        self.gone = True
        if self.task and not self.shared:
            self.task.cancel()


async def collect(events: Events) -> list[Reply]:
    """The whole answer: one reply a choice, in order of choice."""
    # Nothing to close: this ends when the events do, or with what they raise.
    return collect_batches([batch async for batch in events])


def collect_batches(batches: Iterable[list[Event]]) -> list[Reply]:
    building: dict[int, _Building] = {}
    for batch in batches:
        for event in batch:
            if not isinstance(event, Waiting):
                found = building.get(event.choice)
                if found is None:
                    found = building[event.choice] = _Building(event.choice)
                found.add(event)
    return [building[choice].reply() for choice in sorted(building)]


_CUT_OFF = Finish("")


class _Building:
    """A reply while its events still come in."""

    __slots__ = ("calls", "choice", "extra", "finish", "logprobs", "text", "thinking")

    def __init__(self, choice: int) -> None:
        self.choice = choice
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.calls: list[tuple[ToolCall, list[str]]] = []
        self.logprobs: list[Logprob] = []
        self.finish = _CUT_OFF
        self.extra: Fields | None = None

    def add(self, event: Text | Thinking | ToolCall | ToolArguments | Finish) -> None:
        match event:
            case Text():
                self.text.append(event.text)
                self.logprobs.extend(event.logprobs)
                self.extra = event.extra or self.extra
            case Thinking():
                self.thinking.append(event.text)
            case ToolCall():
                self.calls.append((event, [event.arguments]))
            case ToolArguments():
                self.calls[-1][1].append(event.text)
            case Finish():
                self.finish = event

    def reply(self) -> Reply:
        return Reply(
            text="".join(self.text),
            thinking="".join(self.thinking),
            tool_calls=tuple(
                [
                    ToolUse(call.name, "".join(arguments), call.id, call.extra)
                    for call, arguments in self.calls
                ]
            ),
            logprobs=tuple(self.logprobs),
            finish=self.finish,
            choice=self.choice,
            extra=self.extra,
        )
