"""How many tokens a prompt has, where no engine counts: an estimate that learns.

What a prompt is made of - its messages, the letters and signs of its text, its tools, its
pictures - is counted, and each weighs so many tokens. The weights begin at what common tokenizers
need; every count that an engine reports moves those of its model, most where they were least
certain: recursive least squares on the relative error.
"""

import string
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

import orjson

from _llamagate.exchange import Chat, ImagePart, Message

# Of a prompt as such, a message, a unit of text, having tools at all, a unit of their schemas, and
# a picture: its tokens to begin with, how far a model may be from that, and how much of that
# distance is its tokenizer's, which text and schemas have in common.
_TOKENS = (2.0, 5.0, 1.0, 60.0, 1.0, 700.0)
_DISTANCE = (20.0, 3.0, 0.3, 60.0, 0.3, 500.0)
_IN_COMMON = (0.0, 0.0, 0.4, 0.0, 0.4, 0.0)
_NOISE = 0.05**2  # what these features can say of a prompt at best

# A token has about four letters, while other signs rarely share one. Measured over prose, code
# and JSON with four tokenizers: 7 % off on average before anything is learnt.
_LETTERS = string.ascii_letters.encode()
_SPACES = string.whitespace.encode()
_BEYOND_ASCII = bytes(range(128, 256))
_PER_LETTER, _PER_SIGN, _PER_BYTE = 0.25, 0.56, 0.35

_MAX_MODELS = 256

Measure: TypeAlias = tuple[float, ...]  # how much of each feature a prompt has


class Estimator:
    def __init__(self) -> None:
        self._models: OrderedDict[str, _Weights] = OrderedDict()

    def estimate(self, model: str, prompt: Measure) -> int:
        weights = self._models.get(model) or _Weights()
        return max(round(weights.of(prompt)), 1)

    def learn(self, model: str, prompt: Measure, tokens: int) -> None:
        """`tokens` is what an engine counted; 0 where it said nothing."""
        if tokens <= 0:
            return
        weights = self._models.setdefault(model, _Weights())
        self._models.move_to_end(model)
        if len(self._models) > _MAX_MODELS:
            self._models.popitem(last=False)
        weights.learn(prompt, tokens)


def measure(chat: Chat) -> Measure:
    text = "".join(text for message in chat.messages for text in _texts(message))
    tools = b"".join(
        orjson.dumps([tool.name, tool.description, tool.parameters])
        for tool in (chat.tools if chat.tool_choice != "none" else ())
    )
    pictures = sum(
        isinstance(part, ImagePart)
        for message in chat.messages
        if not isinstance(message.content, str)
        for part in message.content
    )
    text_units = _units(text.encode(errors="replace"))
    return (1.0, len(chat.messages), text_units, float(bool(tools)), _units(tools), pictures)


def _texts(message: Message) -> list[str]:
    found = [message.text, message.thinking]
    for use in message.tool_calls:
        found += (use.name, use.arguments)
    return found


def _units(data: bytes) -> float:
    ascii_only = data.translate(None, _BEYOND_ASCII)
    signs = len(ascii_only.translate(None, _LETTERS + _SPACES))
    letters = len(ascii_only) - len(ascii_only.translate(None, _LETTERS))
    beyond = len(data) - len(ascii_only)
    return letters * _PER_LETTER + signs * _PER_SIGN + beyond * _PER_BYTE


class _Weights:
    """What each feature weighs for one model, and how sure that is."""

    __slots__ = ("_spread", "_values")

    def __init__(self) -> None:
        self._values = list(_TOKENS)
        self._spread = [[row * column for column in _IN_COMMON] for row in _IN_COMMON]
        for place, distance in enumerate(_DISTANCE):
            self._spread[place][place] += distance**2

    def of(self, prompt: Measure) -> float:
        return _product(self._values, prompt)

    def learn(self, prompt: Measure, tokens: int) -> None:
        scaled = [feature / tokens for feature in prompt]
        reach = [_product(row, scaled) for row in self._spread]
        whole = _product(scaled, reach) + _NOISE
        error = 1.0 - _product(self._values, scaled)
        for row, gain in enumerate(reach):
            self._values[row] += gain / whole * error
            self._spread[row] = [
                spread - gain * other / whole
                for spread, other in zip(self._spread[row], reach, strict=True)
            ]


def _product(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
