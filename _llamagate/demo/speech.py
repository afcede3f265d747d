"""What the demo engine says: words, thoughts, a tool call or JSON, as the request asks. No I/O.

The same request gets the same answer where it has a seed or temperature 0, another one from
time to time elsewhere, as with a real model.
"""

import random
import re
from typing import Any

import orjson
from msgspec import Struct

from _llamagate.demo.sample import sample

_OPENINGS = (
    "This is the demo engine of LlamaGate; no language model is running.",
    "Hello from the demo engine of LlamaGate, which only pretends to be a language model.",
    "You have reached the demo engine of LlamaGate, so please expect no wisdom here.",
)
_CLOSINGS = (
    "Install Ollama and start LlamaGate without --demo to talk to a real one.",
    "Everything else is real: the streaming, the limits, the queue and the log.",
    "A real answer would be longer, better, and a little slower.",
)
_LONGEST_COUNT = 10_000


class Options(Struct):
    num_predict: int | None = None
    num_ctx: int | None = None
    seed: int | None = None
    temperature: float | None = None
    stop: list[str] | None = None


class Message(Struct):
    role: str = ""
    content: str = ""
    images: list[str] | None = None
    tool_name: str | None = None


class Function(Struct):
    name: str
    parameters: dict[str, Any] = {}


class Tool(Struct):
    function: Function


class Ask(Struct):
    """The body of a request, as far as the demo looks at it."""

    model: str = ""
    messages: list[Message] | None = None
    prompt: str = ""
    input: str | list[str] | None = None
    tools: list[Tool] | None = None
    format: str | dict[str, Any] | None = None
    think: bool | str | None = None
    stream: bool = True
    keep_alive: float | str | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    dimensions: int | None = None
    options: Options | None = None

    @property
    def last(self) -> Message:
        """What is to be answered: instructions may follow it."""
        said = [message for message in self.messages or () if message.role != "system"]
        return said[-1] if said else Message("user", self.prompt)

    @property
    def prompt_tokens(self) -> int:
        texts = [message.content for message in self.messages or ()] or [self.prompt]
        return sum(len(tokens(text)) + 4 for text in texts)


class Speech(Struct):
    """An answer, token by token."""

    thoughts: list[str]
    words: list[str]
    calls: list[dict[str, Any]]
    reason: str = "stop"


def compose(ask: Ask) -> Speech:
    options = ask.options or Options()
    chance = _chance(ask, options)
    if ask.tools and ask.last.role != "tool":
        speech = Speech([], [], [_call(ask, ask.tools, chance)])
    else:
        text = _json(ask) if ask.format else _prose(ask, chance)
        speech = Speech([], tokens(_until(text, options.stop or ())), [])
    if ask.think:
        speech.thoughts = tokens(_thought(ask))
    return _shortened(speech, options.num_predict)


def tokens(text: str) -> list[str]:
    """Words with the space before them, and marks: about what a tokenizer makes."""
    return re.findall(r"\s*\w{1,12}|\s*[^\w\s]|\s+$", text)


def _chance(ask: Ask, options: Options) -> random.Random:
    if options.seed is None and options.temperature != 0:
        return random.Random()
    return random.Random(f"{options.seed} {ask.last.content}")


def _prose(ask: Ask, chance: random.Random) -> str:
    said = ask.last
    if counted := re.search(r"(?i)\bcount (?:up )?to (\d{1,6})", said.content):
        numbers = range(1, min(int(counted[1]), _LONGEST_COUNT) + 1)
        return f"The demo engine counts: {', '.join(map(str, numbers))}."
    heard = f"You said: {_short(said.content)}"
    if said.role == "tool":
        heard = f"The tool {said.tool_name or ''} answered: {_short(said.content)}"
    elif said.images:
        heard += f" (with {len(said.images)} picture(s), which I cannot see)"
    return f"{chance.choice(_OPENINGS)} {heard} - {chance.choice(_CLOSINGS)}"


def _thought(ask: Ask) -> str:
    return f"The user wants an answer to: {_short(ask.last.content)} I am a demo, so I pretend."


def _json(ask: Ask) -> str:
    if isinstance(ask.format, dict):
        value = sample(ask.format, ask.last.content)
    else:
        value = {"demo": True, "you_said": _short(ask.last.content)}
    return orjson.dumps(value).decode()


def _call(ask: Ask, tools: list[Tool], chance: random.Random) -> dict[str, Any]:
    """Of the tool the user seems to mean, else of the first one."""
    said = set(re.findall(r"\w+", ask.last.content.lower()))
    meant = max(tools, key=lambda tool: len(said & set(tool.function.name.lower().split("_"))))
    arguments = sample({"type": "object", **meant.function.parameters}, ask.last.content)
    return {
        "id": f"call_{chance.getrandbits(48):012x}",
        "function": {"index": 0, "name": meant.function.name, "arguments": arguments},
    }


def _until(text: str, stops: list[str] | tuple[str, ...]) -> str:
    found = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return text[: min(found, default=len(text))]


def _shortened(speech: Speech, limit: int | None) -> Speech:
    """Never more tokens than `num_predict`; thinking counts."""
    if not limit or limit < 0 or len(speech.thoughts) + len(speech.words) <= limit:
        return speech
    thoughts = speech.thoughts[:limit]
    return Speech(thoughts, speech.words[: limit - len(thoughts)], [], "length")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]}..."
