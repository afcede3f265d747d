"""What a fake Ollama may be told to do: its models, its answers, its faults. No I/O here."""

import re
from dataclasses import dataclass, field
from typing import Literal, Self


class Cut(Exception):
    """The connection is to be broken now. Not the client's doing."""


Kind = Literal["error", "cut", "silent", "garbage", "hang", "status"]


@dataclass(frozen=True, slots=True)
class Fault:
    """How an answer goes wrong, after so many pieces of it were sent."""

    kind: Kind
    after: int = 0
    status: int = 500
    message: str = "an error was encountered while running the model: unexpected EOF"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # instead of {"error": message}

    @classmethod
    def error(cls, after: int = 0, message: str | None = None) -> Self:
        """An error line in the stream; before its first piece, a 500."""
        fault = cls("error", after)
        return fault if message is None else cls("error", after, message=message)

    @classmethod
    def cut(cls, after: int = 0) -> Self:
        """The connection breaks without a last chunk; before the first piece, without an answer."""
        return cls("cut", after)

    @classmethod
    def silent(cls, after: int = 0) -> Self:
        """The stream ends cleanly, without its final line."""
        return cls("silent", after)

    @classmethod
    def garbage(cls, after: int = 0, body: bytes = b"<html>this is no JSON</html>\n") -> Self:
        return cls("garbage", after, body=body)

    @classmethod
    def hang(cls, after: int = 0) -> Self:
        """Not one byte more, for ever; before the first piece, not even a head."""
        return cls("hang", after)

    @classmethod
    def answer(
        cls,
        status: int,
        message: str = "server busy, please try again.  maximum pending requests exceeded",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> Self:
        """This status, at once."""
        return cls("status", 0, status, message, headers or {}, body)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call the model makes. `id` None leaves the field out, as the native path may."""

    name: str
    arguments: dict[str, object] = field(default_factory=dict)
    id: str | None = "call_5ssa8l39"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the model. `text` is cut into words where `pieces` are not given."""

    text: str = "Hello there, friend!"
    pieces: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ("Let me", " see.")  # sent only while a model thinks
    tool_calls: tuple[Call, ...] = ()
    pace: float = 0.0  # seconds before each piece but the first
    first: float = 0.0  # seconds before the first one: no head until then
    burst: int = 1  # lines sent in one write
    done_reason: str = "stop"
    prompt_tokens: int | None = None  # None: counted in words
    fault: Fault | None = None

    @property
    def words(self) -> tuple[str, ...]:
        return self.pieces or tuple(re.findall(r"\s*\S+\s*$|\s*\S+", self.text))


@dataclass(frozen=True, slots=True)
class FakeModel:
    """A model the fake has. `name` is as /api/tags spells it."""

    name: str
    capabilities: tuple[str, ...] = ("completion", "tools")
    context_length: int = 8192
    lists_context: bool = True  # an older Ollama tells it in /api/show only
    rendered: bool = False  # tool calls come on a line of their own, before the last
    answer: Answer | None = None  # instead of the server's
    load_time: float | None = None  # instead of the server's
    parallel: int | None = None  # instead of the server's
    size: int = 4_000_000_000
    show: dict[str, object] = field(default_factory=dict)  # beside what /api/show says of all


MODELS = (
    FakeModel("llama3.1:8b"),
    FakeModel("llama3.2:latest"),
    FakeModel("qwen3:latest", ("completion", "tools", "thinking")),
    FakeModel("nomic-embed-text:latest", ("embedding",), context_length=2048),
)
