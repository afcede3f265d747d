"""What is known of one engine, and how soon."""

import asyncio

import pytest

from _llamagate.engines.health import State, Watched
from _llamagate.errors import (
    EngineBusy,
    EngineFailed,
    EngineGarbled,
    EngineRefused,
    EngineUnreachable,
)
from _llamagate.exchange import Model, Resident
from tests.fakes.paper_engine import PaperEngine, paper


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def watched(engine: PaperEngine, clock: Clock | None = None) -> Watched:
    return Watched(engine, lambda: None, clock or Clock())


async def probed(host: Watched) -> State:
    if flight := host.probe():
        await flight
    return host.state


async def test_an_engine_that_lists_its_models_is_up():
    host = watched(paper("one", "Tiny:latest", "hf.co/Foo/Bar:Q4"))
    assert host.state is State.UNKNOWN
    assert await probed(host) is State.UP
    assert {name: model.name for name, model in host.models.items()} == {
        "tiny": "Tiny:latest",
        "hf.co/foo/bar:q4": "hf.co/Foo/Bar:Q4",
    }


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (EngineUnreachable("nobody there"), State.DOWN),
        (EngineGarbled("no JSON"), State.DOWN),
        (EngineBusy("503"), State.DOUBTFUL),
        (EngineFailed("401"), State.DOUBTFUL),
        (EngineRefused("404", 404), State.DOUBTFUL),
    ],
)
async def test_how_a_probe_fails_says_how_far_the_engine_is_gone(failure, state):
    engine = paper("one", "tiny")
    host = watched(engine)
    engine.failure = failure
    assert await probed(host) is state
    assert host.reason == failure.message


async def test_an_engine_that_hangs_is_doubtful_after_the_probe_timeout():
    engine = paper("one", "tiny", probe_timeout=0.02)
    engine.delay = 30
    host = watched(engine)
    assert await probed(host) is State.DOUBTFUL
    assert "0.02 s" in host.reason


async def test_an_engine_without_a_list_serves_what_was_declared():
    engine = paper("one", kind="openai", declared=("gpt-4o",))
    engine.failure = EngineRefused("no such path", 404)
    host = watched(engine)
    assert list(host.models) == ["gpt-4o"]
    assert await probed(host) is State.UP
    assert list(host.models) == ["gpt-4o"]


async def test_what_was_declared_limits_what_was_listed():
    host = watched(paper("one", "gpt-4o", "gpt-5", kind="openai", declared=("gpt-5", "o9")))
    await probed(host)
    assert list(host.models) == ["gpt-5", "o9"]
    assert host.models["gpt-5"].modified == 1


async def test_what_was_listed_stays_where_a_declared_pattern_takes_it():
    host = watched(paper("one", "a/new", "b/new", kind="transformers", declared=("c", "a/*")))
    await probed(host)
    assert list(host.models) == ["c", "a/new"]
    host = watched(paper("one", "a/new", "b/new", kind="transformers", declared=("a/*",)))
    await probed(host)
    assert list(host.models) == ["a/new"]


async def test_an_answer_to_a_probe_is_remembered_for_a_second():
    engine, clock = paper("one", "tiny"), Clock()
    host = watched(engine, clock)
    await probed(host)
    clock.now = 0.9
    assert host.probe() is None
    clock.now = 1.1
    assert host.probe() is not None
    await host.close()


async def test_those_who_ask_at_once_share_a_probe_and_one_who_leaves_does_not_end_it():
    engine = paper("one", "tiny")
    engine.delay = 0.02
    host = watched(engine)
    first = asyncio.ensure_future(asyncio.wait([host.probe()]))
    second = asyncio.ensure_future(asyncio.wait([host.probe()]))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert engine.asked == 1
    assert host.up


async def test_a_probe_that_began_before_a_change_is_followed_by_another():
    engine = paper("one", "tiny")
    engine.delay = 0.01
    host = watched(engine)
    flight = host.probe()
    await asyncio.sleep(0)
    engine.listed.append(Model("pulled"))
    host.forget()
    await flight
    assert "pulled" in host.models


async def test_one_that_was_lost_is_asked_until_it_answers():
    engine = paper("one", "tiny")
    host = Watched(engine, lambda: None)
    host.open()
    await asyncio.sleep(0.01)
    engine.failure = EngineUnreachable("gone")
    host.lost(engine.failure)
    assert host.state is State.DOWN
    await asyncio.sleep(0.05)
    assert host.state is State.DOWN
    engine.failure = None
    async with asyncio.timeout(2):
        while not host.up:
            await asyncio.sleep(0.01)
    await host.close()


async def test_what_answered_is_in_memory_until_the_engine_says_otherwise():
    engine, clock = paper("one", "tiny"), Clock()
    host = watched(engine, clock)
    await probed(host)
    host.answered("tiny")
    assert "tiny" in host.resident
    clock.now = 5
    engine.loaded = [Resident("other:latest", size=7)]
    await probed(host)
    assert list(host.resident) == ["other"]
    clock.now = 10
    engine.loaded = []
    await probed(host)
    assert host.resident == {}


async def test_a_kind_that_cannot_say_what_is_in_memory_keeps_what_answered():
    engine, clock = paper("one", "tiny", kind="openai"), Clock()
    host = watched(engine, clock)
    await probed(host)
    host.answered("tiny")
    clock.now = 5
    await probed(host)
    assert "tiny" in host.resident


async def test_a_listed_name_that_no_client_could_ask_for_is_left_out():
    host = watched(paper("one", "fine", "not fine", "../up"))
    await probed(host)
    assert list(host.models) == ["fine"]


async def test_closing_ends_the_watch_and_the_engine():
    engine = paper("one", "tiny")
    engine.delay = 30
    host = Watched(engine, lambda: None)
    host.open()
    await asyncio.sleep(0.01)
    await host.close()
    assert engine.closed
    assert len(asyncio.all_tasks()) == 1
