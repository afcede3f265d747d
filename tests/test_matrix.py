"""Every dialect, plain and streamed, before every kind of engine: text, tools, thinking, pictures
and JSON say the same everywhere."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.dialects.speaking import DIALECTS, PICTURE, SCHEMA, Said, Wish
from tests.fakes.ollama import Answer, Call, FakeModel, FakeOllama
from tests.fakes.openai import Habits, OpenAIServer

CALL = Call("get_weather", {"city": "Paris"})


@dataclass
class Behind:
    """A gateway, and the engine of either kind behind it."""

    gateway: Running
    engine: FakeOllama | OpenAIServer
    text: str
    thinking: str

    @property
    def asked(self) -> dict[str, Any]:
        """What the engine was asked last."""
        if isinstance(self.engine, FakeOllama):
            found: dict[str, Any] = self.engine.generations[-1].json
            return found
        return self.engine.asked[-1]

    @property
    def picture(self) -> Any:
        message = self.asked["messages"][-1]
        if isinstance(self.engine, FakeOllama):
            return message["images"]
        return [part["image_url"]["url"] for part in message["content"] if "image_url" in part]

    @property
    def schema(self) -> Any:
        if isinstance(self.engine, FakeOllama):
            return self.asked["format"]
        return self.asked["response_format"]["json_schema"]["schema"]

    async def say(self, dialect: str, stream: bool, **wishes: bool) -> Said:
        speaker = DIALECTS[dialect]
        body = speaker.ask(Wish("toy", stream, **wishes))
        url = self.gateway.url + speaker.path
        async with self.gateway.session.post(url, json=body) as answer:
            raw = await answer.read()
            assert answer.status == 200, raw
        return speaker.read_stream(raw) if stream else speaker.read(raw)


@pytest.fixture(params=["ollama", "openai"])
async def behind(
    start_gateway: StartGateway, request: pytest.FixtureRequest
) -> AsyncIterator[Behind]:
    async with AsyncExitStack() as stack:
        if request.param == "ollama":
            able = ("completion", "tools", "thinking", "vision")
            ollama = await stack.enter_async_context(FakeOllama(FakeModel("toy", able)))
            ollama.answer = _ollama_says
            gateway = await start_gateway(OLLAMA_HOST=ollama.url)
            yield Behind(gateway, ollama, "Hello there, friend!", "Let me see.")
        else:
            habits = Habits(thinking="reasoning_content")
            server = await stack.enter_async_context(OpenAIServer(habits))
            gateway = await start_gateway(OLLAMA_HOST="", OPENAI_ENGINES=f"box={server.url}/v1")
            yield Behind(gateway, server, "Hello from a small fake.", "Let me think.")


def _ollama_says(body: dict[str, Any]) -> Answer:
    return Answer(text="", tool_calls=(CALL,)) if body.get("tools") else Answer()


every = pytest.mark.parametrize("dialect", DIALECTS)
both = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


def test_no_surface_that_chats_is_forgotten(gateway: Running) -> None:
    named = {surface.name for surface in gateway.server.gateway.surfaces.table}
    assert named - {"llamagate"} == DIALECTS.keys() - {"responses"}


@every
@both
async def test_text(behind: Behind, dialect: str, stream: bool) -> None:
    said = await behind.say(dialect, stream)
    assert (said.text, said.calls, said.ended) == (behind.text, [], True)


@every
@both
async def test_tools(behind: Behind, dialect: str, stream: bool) -> None:
    said = await behind.say(dialect, stream, tools=True)
    assert (said.calls, said.ended) == ([("get_weather", {"city": "Paris"})], True)
    (tool,) = behind.asked["tools"]
    assert tool["function"]["parameters"]["properties"] == SCHEMA["properties"]


@every
@both
async def test_thinking(behind: Behind, dialect: str, stream: bool) -> None:
    said = await behind.say(dialect, stream, think=True)
    assert (said.thinking, said.text, said.ended) == (behind.thinking, behind.text, True)


@every
@both
async def test_pictures(behind: Behind, dialect: str, stream: bool) -> None:
    said = await behind.say(dialect, stream, picture=True)
    assert (said.text, said.ended) == (behind.text, True)
    (picture,) = behind.picture
    assert picture.endswith(PICTURE)


@every
@both
async def test_json(behind: Behind, dialect: str, stream: bool) -> None:
    said = await behind.say(dialect, stream, schema=True)
    assert (said.text, said.ended) == (behind.text, True)
    assert behind.schema == SCHEMA


@every
async def test_all_at_once(behind: Behind, dialect: str) -> None:
    wishes = {"tools": True, "think": True, "picture": True}
    plain = await behind.say(dialect, False, **wishes)
    streamed = await behind.say(dialect, True, **wishes)
    assert plain == streamed
