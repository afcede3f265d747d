"""Every dialect in front of every kind of engine, plain and streamed: a client reads what the
engine said, in full, and the engine was asked for what the client wanted.

How a dialect says it stands in `dialects/speaking`, how a kind of engine hears it stands here.
"""

from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from tests.conftest import Running, StartGateway
from tests.dialects.speaking import CITY, DIALECTS, FUNCTION, PARIS, Dialect, Said, Wish, spelt
from tests.fakes.ollama import Answer, Call, FakeOllama
from tests.fakes.openai import Habits, OpenAIServer

JSON = ('{"city"', ': "Paris"}')
WORDS = ("Bon", "jour", ", ", "\u2028 \N{SNOWMAN}", "!")  # U+2028 ends a line for some clients


@dataclass
class Heard:
    """What the engine was asked, in no wire's words."""

    turns: list[tuple[str, Any]]
    images: list[str]
    tools: list[dict[str, Any]]
    think: object
    schema: object
    max_tokens: int
    temperature: float


@dataclass
class Ollama:
    """It thinks only as a model that can, so that is asked for."""

    fake: FakeOllama
    model: str = "qwen3"
    thoughts: str = "Let me see."

    @property
    def settings(self) -> dict[str, Any]:
        return {"OLLAMA_HOST": self.fake.url}

    def will(self, words: tuple[str, ...], *, call: bool, think: bool) -> tuple[int, int]:
        calls = (Call(FUNCTION["name"], PARIS),) if call else ()
        thinking = ("Let me", " see.") if think else ()
        self.fake.answer = Answer("", words, tool_calls=calls, thinking=thinking, prompt_tokens=11)
        return 11, len(words) + len(thinking) + 1

    def heard(self) -> Heard:
        (seen,) = self.fake.generations
        body = seen.json
        assert body["model"] == "qwen3:latest"
        turns = [("system", body["system"])] if "system" in body else []
        images = body.get("images", [])
        if "prompt" in body:
            turns.append(("user", body["prompt"]))
        for message in body.get("messages", ()):
            images += message.get("images", [])
            calls = [call["function"] for call in message.get("tool_calls", ())]
            said = [(call["name"], call["arguments"]) for call in calls]
            turns.append((message["role"], said or message["content"]))
            assert message.get("tool_name", FUNCTION["name"]) == FUNCTION["name"]
        return Heard(
            turns,
            images,
            [tool["function"] for tool in body.get("tools", ())],
            body.get("think"),
            body.get("format"),
            body["options"]["num_predict"],
            body["options"]["temperature"],
        )


@dataclass
class OpenAI:
    fake: OpenAIServer
    model: str = "toy"
    thoughts: str = "Let me think."

    @property
    def settings(self) -> dict[str, Any]:
        return {"OLLAMA_HOST": "none", "OPENAI_ENGINES": f"box={self.fake.url}"}

    def will(self, words: tuple[str, ...], *, call: bool, think: bool) -> tuple[int, int]:
        self.fake.habits = Habits(words=words, thinking="reasoning_content" if think else "")
        return 7, 5

    def heard(self) -> Heard:
        (body,) = self.fake.asked
        assert body["model"] == "toy"
        turns: list[tuple[str, Any]] = [("user", body["prompt"])] if "prompt" in body else []
        images: list[str] = []
        ids: list[str] = []
        for message in body.get("messages", ()):
            content = message["content"]
            if isinstance(content, list):
                urls = [part["image_url"]["url"] for part in content if "image_url" in part]
                images += [url.removeprefix("data:image/png;base64,") for url in urls]
                content = "".join(part.get("text", "") for part in content)
            calls = message.get("tool_calls", ())
            ids += [call["id"] for call in calls]
            said = [
                (call["function"]["name"], orjson.loads(call["function"]["arguments"]))
                for call in calls
            ]
            turns.append((message["role"], said or content))
            assert message.get("tool_call_id") in (None, *ids)
        form = body.get("response_format", {}).get("json_schema", {})
        return Heard(
            turns,
            images,
            [tool["function"] for tool in body.get("tools", ())],
            body.get("reasoning_effort"),
            form.get("schema"),
            body["max_tokens"],
            body["temperature"],
        )


# The fields of a wish that a row is about.
ROWS: dict[str, dict[str, Any]] = {
    "text": {},
    "system": {"system": "Be brief."},
    "tool": {"tool": True},
    "result": {"tool": True, "result": "18 degrees"},
    "image": {"image": "iVBORw0KGgo="},
    "think": {"think": True},
    "schema": {"schema": CITY},
    "all at once": {"system": "Be brief.", "tool": True, "image": "iVBORw0KGgo=", "think": True},
}
CELLS = [
    (dialect, stream, row)
    for dialect in DIALECTS
    for stream in ((False, True) if dialect.streams else (False,))
    for row in ROWS
    if ROWS[row].keys() <= dialect.can
]


def test_no_surface_is_forgotten(gateway: Running) -> None:
    spoken = {dialect.path for dialect in DIALECTS}
    for surface in gateway.server.gateway.surfaces.table:
        paths = {route.path for route in surface.everything}
        assert any(path.removeprefix(surface.prefix) in paths for path in spoken), surface.name


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize(("dialect", "stream", "row"), CELLS, ids=spelt)
async def test_what_is_said_is_heard(
    start_gateway: StartGateway, dialect: Dialect, stream: bool, row: str, kind: str
) -> None:
    async with FakeOllama() as ollama, OpenAIServer() as openai:
        engine: Ollama | OpenAI = Ollama(ollama) if kind == "ollama" else OpenAI(openai)
        gateway = await start_gateway(**engine.settings)
        wish = Wish(engine.model, stream, **ROWS[row])
        called = wish.tool and not wish.result
        words = JSON if wish.schema else () if called and kind == "ollama" else WORDS
        usage = engine.will(words, call=called, think=wish.think)
        said = await dialect.say(gateway, wish)

    ended, calling = dialect.reasons
    assert said == Said(
        "" if called else "".join(words),
        engine.thoughts if wish.think else "",
        [(FUNCTION["name"], PARIS)] if called else [],
        calling if called else ended,
        (0, usage[1]) if dialect.name == "egollama texts" else usage,
        whole=True,
    )
    assert engine.heard() == Heard(
        _turns(wish),
        [wish.image] if wish.image else [],
        [FUNCTION] if wish.tool else [],
        "high" if wish.think else None,
        wish.schema,
        wish.max_tokens,
        wish.temperature,
    )


def _turns(wish: Wish) -> list[tuple[str, Any]]:
    turns: list[tuple[str, Any]] = [("system", wish.system)] if wish.system else []
    turns.append(("user", wish.text))
    if wish.result:
        turns.append(("assistant", [(FUNCTION["name"], PARIS)]))
        turns.append(("tool", wish.result))
    return turns
