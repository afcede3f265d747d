"""Who can serve a model, while engines come, go, hang and lie."""

import asyncio
import time
from dataclasses import replace

import pytest

from _llamagate.config import EngineSettings
from _llamagate.engines.pool import Candidate, Pool
from _llamagate.errors import (
    EngineBroke,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLacksModel,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    NoEngine,
    NoSuchModel,
    NoSuchThing,
    NotAllowed,
)
from _llamagate.exchange import Model, Resident
from tests.fakes.paper_engine import PaperEngine, paper


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def opened(*engines: PaperEngine, **more: object) -> Pool:
    """Not watched in the background: what is known is what the test asked for."""
    pool = Pool(engines, **more)
    await pool.refresh()
    return pool


def names(found: list[Candidate]) -> list[str]:
    return [candidate.engine.settings.name for candidate in found]


def failed(pool: Pool, candidate: Candidate, error: EngineError, times: int = 1) -> None:
    for _ in range(times):
        pool.mark(candidate, error, 0.1)


# ---------------------------------------------------------------- who has it


async def test_every_engine_that_has_a_model_is_a_candidate_with_its_own_spelling():
    pool = await opened(paper("a", "Tiny:latest"), paper("b", "tiny"), paper("c", "other"))
    found = pool.candidates(["tiny"])
    assert [(one.key, one.model) for one in found] == [
        (("a", "tiny"), "Tiny:latest"),
        (("b", "tiny"), "tiny"),
    ]


async def test_a_fallback_is_used_only_when_nobody_can_serve_the_first_choice():
    first, second = paper("a", "big:70b"), paper("b", "small:8b")
    pool = await opened(first, second)
    assert names(pool.candidates(["big:70b", "small:8b"])) == ["a"]
    failed(pool, pool.candidates(["big:70b"])[0], EngineUnreachable("gone"))
    assert names(pool.candidates(["big:70b", "small:8b"])) == ["b"]


async def test_after_a_failure_the_next_choice_leaves_out_the_engines_tried():
    pool = await opened(paper("a", "big"), paper("b", "big"), paper("c", "small"))
    assert names(pool.candidates(["big", "small"], without={"a"})) == ["b"]
    assert names(pool.candidates(["big", "small"], without={"a", "b"})) == ["c"]
    assert pool.candidates(["big", "small"], without={"a", "b", "c"}) == []


async def test_a_model_pulled_a_moment_ago_is_found():
    engine, clock = paper("a", "tiny"), Clock()
    pool = await opened(engine, clock=clock)
    clock.now += 2
    engine.listed.append(Model("pulled:latest"))
    assert names(await pool.find(["pulled"])) == ["a"]


async def test_many_who_ask_for_what_is_not_there_ask_the_engines_once():
    engine = paper("a", "tiny")
    pool = await opened(engine)
    pool.forget()
    results = await asyncio.gather(
        *(pool.find(["nowhere"]) for _ in range(50)), return_exceptions=True
    )
    assert all(isinstance(result, NoSuchModel) for result in results)
    assert engine.asked <= 3


async def test_what_nobody_has_is_named_as_it_was_asked_for():
    pool = await opened(paper("a", "tiny"))
    with pytest.raises(NoSuchModel, match="`GPT-4` does not exist or you do not have access"):
        await pool.find(["llama3.1:70b"], ["llama3.1:70b"], "GPT-4")


async def test_without_any_engine_that_answers_the_error_says_where_they_should_be():
    engine = paper("a")
    engine.failure = EngineUnreachable("no engine answers there")
    pool = await opened(engine)
    with pytest.raises(NoEngine, match=r"http://a:11434.*OLLAMA_HOST") as raised:
        await pool.find(["tiny"])
    assert raised.value.retry_after


async def test_a_model_whose_only_engine_is_gone_is_not_called_unknown():
    first, second = paper("a", "tiny"), paper("b", "other")
    pool = await opened(first, second)
    first.failure = EngineUnreachable("gone")
    failed(pool, pool.candidates(["tiny"])[0], first.failure)
    with pytest.raises(NoEngine):
        await pool.find(["tiny"])
    with pytest.raises(NoSuchModel):
        await pool.find(["nowhere"])


async def test_without_engines_the_error_names_the_setting():
    with pytest.raises(NoEngine, match="OLLAMA_HOST"):
        await (await opened()).find(["tiny"])


# ---------------------------------------------------------------- names beyond the lists


async def test_a_cloud_name_needs_no_list_when_such_names_are_allowed():
    pool = await opened(paper("o", kind="openai"), paper("a", "tiny"), cloud=True)
    (found,) = await pool.find(["gpt-oss:120b-cloud"], ["gpt-oss:120b-cloud"])
    assert (found.engine.settings.name, found.model) == ("a", "gpt-oss:120b-cloud")


async def test_a_listed_model_that_runs_elsewhere_needs_the_same_permission():
    def stubbed() -> PaperEngine:
        engine = paper("a", "tiny")
        engine.listed.append(Model("mine", remote=True))
        return engine

    pool = await opened(stubbed())
    assert [model.name for model in pool.models()] == ["tiny"]
    with pytest.raises(NotAllowed, match="cloud_models"):
        await pool.find(["mine"])
    pool = await opened(stubbed(), cloud=True)
    assert names(pool.candidates(["mine"])) == ["a"]


async def test_an_engine_that_takes_a_pattern_gets_the_name_as_it_was_written():
    pool = await opened(
        paper("a", "tiny"), paper("t", kind="transformers", declared=("meta-llama/*",))
    )
    (found,) = await pool.find(["meta-llama/tiny-b"], ["meta-llama/Tiny-B"])
    assert (found.engine.settings.name, found.model) == ("t", "meta-llama/Tiny-B")
    assert pool.candidates(["meta-llama/tiny-b"]) == [found]
    failed(pool, found, EngineLacksModel("no such repository"))
    await pool.refresh()
    assert pool.candidates(["meta-llama/tiny-b"]) == []


async def test_what_an_engine_lists_goes_before_what_another_takes_by_pattern():
    pool = await opened(paper("t", kind="transformers", declared=("*",)), paper("a", "org/model"))
    assert names(pool.candidates(["org/model"])) == ["a"]


async def test_only_what_could_be_an_id_there_is_taken_by_pattern_for_hugging_face():
    pool = await opened(paper("t", kind="transformers", declared=("*",)))
    for name in ("llama9:70b", "hf.co/org/model", "/etc/passwd"):
        with pytest.raises(NoSuchModel):
            await pool.find([name])
    pool = await opened(paper("o", kind="openai", declared=("*",)))
    assert await pool.find(["llama9:70b"])


async def test_a_model_that_may_be_one_of_hugging_face_is_refused_with_the_setting():
    pool = await opened(paper("a", "tiny"))
    with pytest.raises(NoSuchModel, match="HF_MODELS"):
        await pool.find(["org/model"])
    with pytest.raises(NoSuchModel) as refusal:
        await pool.find(["tinier"])
    assert "HF_MODELS" not in refusal.value.message


async def test_what_an_engine_does_beside_answering_is_told():
    engine = paper("t", kind="transformers", declared=("org/*",))
    engine.doing = ["org/model: loading"]
    pool = await opened(engine)
    assert pool.engines[0].activity == ("org/model: loading",)


async def test_names_taken_by_pattern_are_bounded():
    pool = await opened(paper("t", kind="transformers", declared=("*",)))
    for number in range(400):
        await pool.find([f"org/model-{number}"])
    assert not pool.has(["org/model-0"])
    assert pool.has(["org/model-399"])


# ---------------------------------------------------------------- outcomes


async def test_an_engine_that_cannot_be_reached_is_left_at_once_for_all_its_models():
    first, second = paper("a", "tiny", "other"), paper("b", "tiny")
    pool = await opened(first, second)
    failed(pool, pool.candidates(["tiny"])[0], EngineUnreachable("refused"))
    assert names(pool.candidates(["tiny"])) == ["b"]
    assert pool.candidates(["other"]) == []
    assert pool.up() == {"a": False, "b": True}


async def test_one_that_was_lost_and_is_back_is_used_by_the_next_who_needs_it():
    engine = paper("a", "tiny")
    pool = await opened(engine)
    failed(pool, pool.candidates(["tiny"])[0], EngineUnreachable("reset"))
    assert names(await pool.find(["tiny"])) == ["a"]


@pytest.mark.parametrize("error", [EngineFailed("500"), EngineBusy("503"), EngineBroke("cut")])
async def test_failures_in_a_row_turn_requests_to_the_other_engine(error):
    clock = Clock()
    pool = await opened(paper("a", "tiny", "other"), paper("b", "tiny"), clock=clock)
    first = pool.candidates(["tiny"])[0]
    failed(pool, first, error, times=3)
    assert names(pool.candidates(["tiny"])) == ["b"]
    assert names(pool.candidates(["other"])) == ["a"]  # it is not the whole engine
    assert pool.engines[0].resting == ("tiny",)


async def test_one_request_tries_an_engine_that_failed_and_its_success_brings_it_back():
    clock = Clock()
    pool = await opened(paper("a", "tiny"), paper("b", "tiny"), clock=clock)
    failed(pool, pool.candidates(["tiny"])[0], EngineFailed("500"), times=3)
    clock.now += 2.5
    trial = next(one for one in pool.candidates(["tiny"]) if one.trial)
    assert names([trial]) == ["a"]
    assert names(pool.candidates(["tiny"])) == ["b"]
    pool.mark(trial, None, 0.1)
    assert sorted(names(pool.candidates(["tiny"]))) == ["a", "b"]


async def test_after_one_failure_one_request_finds_out_whether_it_was_the_last():
    clock = Clock()
    pool = await opened(paper("a", "tiny"), paper("b", "tiny"), clock=clock)
    failed(pool, pool.candidates(["tiny"])[0], EngineFailed("500"))
    assert sorted(names(pool.candidates(["tiny"]))) == ["a", "b"]
    assert not any(one.trial for one in pool.candidates(["tiny"]))
    clock.now += 2.5
    assert [one.trial for one in pool.candidates(["tiny"])] == [False, True]
    assert not any(one.trial for one in pool.candidates(["tiny"]))


async def test_an_engine_that_was_away_is_tried_with_one_request_of_any_model():
    clock = Clock()
    first = paper("a", "tiny", "other")
    pool = await opened(first, paper("b", "tiny", "other"), clock=clock)
    first.failure = EngineUnreachable("gone")
    clock.now += 2
    await pool.refresh()
    assert names(pool.candidates(["tiny"])) == ["b"]
    first.failure = None
    clock.now += 2
    await pool.refresh()
    trial = next(one for one in pool.candidates(["tiny"]) if one.trial)
    assert names([trial]) == ["a"]
    assert not any(one.trial for one in pool.candidates(["other"]))
    pool.mark(trial, None, 0.1)
    clock.now += 60
    assert not any(one.trial for one in pool.candidates(["tiny"]))


async def test_one_silence_is_enough():
    pool = await opened(paper("a", "tiny"), paper("b", "tiny"))
    failed(pool, pool.candidates(["tiny"])[0], EngineTimeout("silent"))
    assert names(pool.candidates(["tiny"])) == ["b"]


async def test_a_model_that_is_gone_from_an_engine_blames_the_pair_alone():
    first, second = paper("a", "tiny", "other"), paper("b", "tiny")
    pool = await opened(first, second)
    first.listed = [one for one in first.listed if one.name != "tiny"]
    failed(pool, pool.candidates(["tiny"])[0], EngineLacksModel("not found"))
    assert names(pool.candidates(["tiny"])) == ["b"]
    assert names(pool.candidates(["other"])) == ["a"]
    await pool.refresh()
    assert pool.engines[0].models == ("other",)


async def test_a_refusal_is_the_answer_of_an_engine_that_is_well():
    pool = await opened(paper("a", "tiny"), paper("b", "tiny"))
    failed(pool, pool.candidates(["tiny"])[0], EngineRefused("bad request"), times=10)
    assert sorted(names(pool.candidates(["tiny"]))) == ["a", "b"]


async def test_an_engine_that_failed_is_better_than_none():
    pool = await opened(paper("a", "tiny"))
    failed(pool, pool.candidates(["tiny"])[0], EngineFailed("500"), times=9)
    assert names(pool.candidates(["tiny"])) == ["a"]


async def test_an_outcome_of_an_engine_that_was_replaced_changes_nothing():
    pool = await opened(paper("a", "tiny"))
    old = replace(pool.candidates(["tiny"])[0], engine=paper("a", "tiny"))
    failed(pool, old, EngineUnreachable("gone"))
    assert pool.healthy


async def test_an_answer_makes_the_model_resident():
    pool = await opened(paper("a", "tiny"))
    (found,) = pool.candidates(["tiny"])
    assert not found.resident
    pool.mark(found, None, 1.0)
    assert pool.candidates(["tiny"])[0].resident


# ---------------------------------------------------------------- draining


async def test_a_drained_engine_gets_no_new_work_until_it_is_undrained():
    pool = await opened(paper("a", "tiny"), paper("b", "tiny"))
    pool.drain("a")
    assert names(pool.candidates(["tiny"])) == ["b"]
    pool.drain("b")
    assert pool.candidates(["tiny"]) == []
    with pytest.raises(NoEngine, match="drained"):
        await pool.find(["tiny"])
    assert pool.models() == []
    pool.undrain("a")
    assert names(pool.candidates(["tiny"])) == ["a"]


async def test_draining_an_engine_that_does_not_exist_says_so():
    with pytest.raises(NoSuchThing, match="nobody"):
        (await opened()).drain("nobody")


# ---------------------------------------------------------------- lists


async def test_the_models_of_all_engines_are_one_list_the_newest_first():
    pool = await opened(paper("a", "old", "tiny:latest"), paper("b", "other", "TINY", "new"))
    assert [model.name for model in pool.models()] == ["new", "tiny:latest", "old", "other"]


async def test_the_default_model_is_one_in_memory_else_the_newest_that_talks():
    engine = paper("a", "tiny", "big")
    engine.listed.append(Model("embedder", modified=99, capabilities=("embedding",)))
    clock = Clock()
    pool = await opened(engine, clock=clock)
    assert pool.default_model() == "big"
    engine.loaded = [Resident("embedder"), Resident("tiny:latest")]
    clock.now += 2
    await pool.refresh()
    assert pool.default_model() == "tiny"
    assert (await opened(paper("b"))).default_model() == ""
    with pytest.raises(NoEngine):
        (await opened()).default_model()


async def test_deleting_reaches_all_that_have_a_model_drained_or_not():
    pool = await opened(paper("a", "tiny"), paper("b", "other"), paper("c", "Tiny:latest"))
    pool.drain("a")
    found = [(engine.settings.name, spelled) for engine, spelled in pool.everywhere("tiny")]
    assert found == [("a", "tiny"), ("c", "Tiny:latest")]


async def test_pulling_goes_to_the_first_ollama_engine_that_answers():
    dead = paper("b")
    dead.failure = EngineUnreachable("gone")
    pool = await opened(paper("a", kind="openai"), dead, paper("c"))
    assert pool.engine().settings.name == "c"
    assert pool.engine("a").settings.name == "a"
    with pytest.raises(NoEngine, match="OLLAMA_HOST"):
        (await opened(paper("a", kind="openai"))).engine()


# ---------------------------------------------------------------- slow and dead engines


async def test_a_hung_engine_holds_up_nobody_once_it_is_known():
    well, hung = paper("a", "tiny"), paper("b", "tiny", probe_timeout=0.05)
    hung.delay = 30
    pool = await opened(well, hung)
    assert pool.up() == {"a": True, "b": False}
    assert names(pool.candidates(["tiny"])) == ["a"]
    hung.settings = replace(hung.settings, probe_timeout=30)
    pool.forget()
    began = time.monotonic()
    assert names(await pool.find(["tiny"])) == ["a"]
    assert time.monotonic() - began < 1.5
    await pool.__aexit__(None, None, None)


async def test_opening_waits_for_no_engine():
    hung = paper("a", "tiny")
    hung.delay = 30
    began = time.monotonic()
    async with Pool([hung, paper("b", "tiny")]) as pool:
        assert time.monotonic() - began < 0.5
        await asyncio.sleep(0.05)
        assert names(pool.candidates(["tiny"])) == ["b"]


async def test_an_engine_that_dies_and_comes_back_is_used_without_being_asked_for():
    engine = paper("a", "tiny")
    async with Pool([engine]) as pool:
        await pool.refresh()
        engine.failure = EngineUnreachable("gone")
        failed(pool, pool.candidates(["tiny"])[0], engine.failure)
        await asyncio.sleep(0.05)
        assert pool.candidates(["tiny"]) == []
        engine.failure = None
        async with asyncio.timeout(2):
            while not pool.candidates(["tiny"]):
                await asyncio.sleep(0.01)


async def test_closing_the_pool_closes_its_engines_and_leaves_no_task():
    engines = [paper("a"), paper("b")]
    async with Pool(engines):
        await asyncio.sleep(0.01)
    assert all(engine.closed for engine in engines)
    assert len(asyncio.all_tasks()) == 1


# ---------------------------------------------------------------- other engines while running


async def test_other_engines_replace_those_that_changed_and_what_runs_there_ends_first():
    stays, goes = paper("stays", "tiny"), paper("goes", "tiny")
    made: list[PaperEngine] = []

    def make(settings: EngineSettings) -> PaperEngine:
        made.append(PaperEngine(settings, [Model("tiny")]))
        return made[-1]

    running = {"goes": 1}
    async with Pool([stays, goes]) as pool:
        await pool.refresh()
        new = EngineSettings("new", "ollama", "http://new:11434")
        pool.replace([stays.settings, new], make, lambda name: running.get(name, 0))
        await pool.refresh()
        assert names(pool.candidates(["tiny"])) == ["stays", "new"]
        assert not goes.closed
        running.clear()
        async with asyncio.timeout(3):
            while not goes.closed:
                await asyncio.sleep(0.05)
        assert not stays.closed
    assert stays.closed
    assert made[0].closed


async def test_an_engine_taken_away_is_closed_with_the_pool_at_the_latest():
    goes = paper("goes", "tiny")
    async with Pool([goes]) as pool:
        pool.replace([], lambda settings: paper("none"), lambda name: 1)
        await asyncio.sleep(0.01)
    assert goes.closed
    assert len(asyncio.all_tasks()) == 1
