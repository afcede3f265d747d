"""An engine that fails when half of its answer is out: each dialect says so in its own way, and
never lets what came pass for the whole."""

import asyncio
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.dialects.speaking import DIALECTS, Dialect, Said, Wish, spelt
from tests.fakes.ollama import Answer, FakeOllama, Fault
from tests.fakes.openai import Habits, OpenAIServer

STREAMING = [dialect for dialect in DIALECTS if dialect.streams]
every = pytest.mark.parametrize("dialect", STREAMING, ids=spelt)

WORDS = ("Once", " upon", " a", " time")
OLLAMA = {
    "engine_failed": Fault.error(after=2, message="out of memory"),
    "engine_broke_off": Fault.cut(after=2),
    "engine_broke_off silently": Fault.silent(after=2),
    "engine_garbled": Fault.garbage(after=2),
}
OPENAI: dict[str, dict[str, int]] = {
    "engine_failed": {"fails_after": 3},
    "engine_broke_off": {"cut_after": 3},
    "engine_broke_off silently": {"silent_after": 3},
}


async def refused(gateway: Running, dialect: Dialect, wish: Wish) -> tuple[int, str]:
    """The status and the message of an answer that is not 200."""
    how = {"json": dialect.ask(wish), "headers": dialect.headers}
    status, body = await gateway.json("POST", dialect.path, **how)
    return status, dialect.plain(body).error


def told(said: Said) -> str:
    """What went wrong, of a stream in which everything else is as it must be."""
    assert said.text
    assert "Once upon a time".startswith(said.text + " ")
    assert not said.whole
    assert said.reason in ("", "failed")
    assert said.usage is None
    assert said.after == 0
    return said.error


@every
@pytest.mark.parametrize("way", OLLAMA)
async def test_an_ollama_that_fails_midway(
    gateway: Running, ollama: FakeOllama, dialect: Dialect, way: str
) -> None:
    ollama.answer = Answer(pieces=WORDS, pace=0.01, fault=OLLAMA[way])
    message = told(await dialect.say(gateway, Wish(stream=True)))
    assert message
    assert gateway.lines()[-1]["error"] == way.split()[0]
    assert await refused(gateway, dialect, Wish()) == (502, message)
    assert await refused_at_once(gateway, ollama, dialect) == 502


async def refused_at_once(gateway: Running, ollama: FakeOllama, dialect: Dialect) -> int:
    """Before the first word a failure has its status, in a stream too."""
    ollama.answer = Answer(pieces=WORDS, fault=Fault.silent())
    status, message = await refused(gateway, dialect, Wish(stream=True))
    assert message
    return status


@every
@pytest.mark.parametrize("way", OPENAI)
async def test_an_engine_of_openais_wire_that_fails_midway(
    start_gateway: StartGateway, dialect: Dialect, way: str
) -> None:
    habits: dict[str, Any] = {"words": WORDS, "pace": 0.01, **OPENAI[way]}
    async with OpenAIServer(Habits(**habits)) as server:
        gateway = await start_gateway(OLLAMA_HOST="none", OPENAI_ENGINES=f"box={server.url}")
        message = told(await dialect.say(gateway, Wish("toy", stream=True)))
        assert message
        assert gateway.lines()[-1]["error"] == way.split()[0]
        assert await refused(gateway, dialect, Wish("toy")) == (502, message)


async def test_an_engine_that_falls_silent_midway_is_waited_for_no_longer_than_the_timeout(
    start_gateway: StartGateway,
) -> None:
    async with FakeOllama(parallel=16) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, TIMEOUT="1s", SLOTS="16")
        ollama.answer = Answer(pieces=WORDS, fault=Fault.hang(after=2))
        wish = Wish(stream=True)
        all_said = await asyncio.gather(*(one.say(gateway, wish) for one in STREAMING))
        for said in all_said:
            assert "TIMEOUT" in told(said)
        await ollama.until(lambda: ollama.running == 0)
        errors = [line["error"] for line in gateway.lines() if line.get("path")]
        assert errors == ["engine_timeout"] * len(STREAMING)


@pytest.mark.parametrize("name", ["ollama chats", "aigateway chats"])
async def test_half_a_call_is_no_call(start_gateway: StartGateway, name: str) -> None:
    """In the dialects that tell a call whole; in the others the error follows the half."""
    (dialect,) = (one for one in DIALECTS if one.name == name)
    habits = Habits(thinking="reasoning_content", silent_after=6)  # in the call's arguments
    async with OpenAIServer(habits) as server:
        gateway = await start_gateway(OLLAMA_HOST="none", OPENAI_ENGINES=f"box={server.url}")
        said = await dialect.say(gateway, Wish("toy", stream=True, tool=True))
    assert (said.thinking, said.calls, said.whole) == ("Let me think.", [], False)
    assert said.error
