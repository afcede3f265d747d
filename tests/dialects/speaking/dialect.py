"""What one wishes for and what was said, in no dialect's words; and what a dialect is."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from tests.conftest import Running

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
FUNCTION: dict[str, Any] = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": CITY,
}
PARIS: dict[str, Any] = {"city": "Paris"}


@dataclass(frozen=True)
class Wish:
    model: str = "llama3.2"
    stream: bool = False
    text: str = "Hi"
    system: str = ""
    tool: bool = False  # `FUNCTION` may be called
    result: str = ""  # what it gave when it was called, for Paris
    image: str = ""
    think: bool = False
    schema: dict[str, Any] | None = None
    max_tokens: int = 100
    temperature: float = 0.5


@dataclass
class Said:
    """An answer as far as it came. `whole` where it ended as answers of its dialect end."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    reason: str = ""
    usage: tuple[int, int] | None = None
    whole: bool = False
    error: str = ""
    after: int = 0  # pieces that came after the end or the error: there may be none


class Dialect:
    """`can` are the fields of a wish that it has words for, beside its text."""

    name: ClassVar[str]
    path: ClassVar[str]
    can: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = True
    reasons: ClassVar[tuple[str, str]] = ("stop", "tool_calls")  # at the end, and for a call
    headers: ClassVar[dict[str, str]] = {}

    def ask(self, wish: Wish) -> dict[str, Any]:
        raise NotImplementedError

    def plain(self, body: Any) -> Said:
        raise NotImplementedError

    def streamed(self, raw: bytes) -> Said:
        raise NotImplementedError

    async def say(self, gateway: Running, wish: Wish) -> Said:
        url = gateway.url + self.path
        async with gateway.session.post(url, json=self.ask(wish), headers=self.headers) as answer:
            raw = await answer.read()
            assert answer.status == 200, raw
            assert "x-ignored-parameters" not in answer.headers
            return self.streamed(raw) if wish.stream else self.plain(orjson.loads(raw))


EVERYTHING = frozenset({"system", "tool", "result", "image", "think", "schema"})


def sampling(wish: Wish, limit: str = "max_tokens") -> dict[str, Any]:
    body: dict[str, Any] = {"model": wish.model, limit: wish.max_tokens}
    body["temperature"] = wish.temperature
    return body | ({"stream": True} if wish.stream else {})
