"""Hugging Face models in a child process: a small one that has the real one's habits."""

import asyncio
import logging
import os
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest

from _llamagate.engines import child
from _llamagate.engines.child import MODEL
from _llamagate.errors import (
    EngineBroke,
    EngineBusy,
    EngineFailed,
    EngineRefused,
    EngineTimeout,
)
from _llamagate.exchange import (
    AudioPart,
    Call,
    Chat,
    Completion,
    Embed,
    Finish,
    ImagePart,
    Message,
    Text,
    TextPart,
    Tool,
    Usage,
    collect,
)
from tests.fakes.workshop import Workshop, lines


@pytest.fixture
async def workshop(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "_REST", (0.05, 0.4, 60.0))
    made = Workshop(tmp_path)
    yield made
    await made.close()


def chat(model, text="hi", **fields):
    return Chat(model=str(model), messages=(Message("user", text),), **fields)


def ask(engine, request):
    return engine.generate(request, Call("r1"))


async def reply(engine, request, call=None):
    return (await collect(engine.generate(request, call or Call("r1"))))[0]


def pids(model: Path) -> list[int]:
    return [start["pid"] for start in lines(model / "started.jsonl")]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


# ---------------------------------------------------------------- an answer


async def test_the_first_request_starts_a_process_and_the_next_finds_it(workshop):
    model = workshop.model()
    engine = workshop.engine(model)
    answer = await reply(engine, chat(model))
    assert answer.text == "Hello from a child."
    assert answer.finish == Finish("stop", Usage(7, 4), wire="openai")
    await reply(engine, chat(model))
    assert len(pids(model)) == 1


async def test_looking_at_it_starts_nothing(workshop):
    model = workshop.model()
    engine = workshop.engine(model, "org/*")
    assert [found.name for found in await engine.models()] == [str(model)]
    assert await engine.resident() == []
    assert await engine.context_length(str(model)) == 512
    assert engine.activity() == []
    assert not pids(model)


async def test_what_is_in_memory_is_known(workshop):
    model = workshop.model()
    engine = workshop.engine(model)
    await reply(engine, chat(model))
    (resident,) = await engine.resident()
    assert (resident.name, resident.context_length) == (str(model), 512)


async def test_a_folder_may_be_called_anything(workshop):
    model = workshop.model("a model @home: v2.gguf")
    assert (await reply(workshop.engine(model), chat(model))).text == "Hello from a child."


async def test_the_answer_comes_as_it_is_written(workshop):
    model = workshop.model(slow=0.2)
    async with aclosing(ask(workshop.engine(model), chat(model))) as events:
        assert (await anext(events))[0] == Text("Hello")
        assert len(lines(model / "asked.jsonl")) == 1


async def test_its_server_gets_only_what_it_knows_and_the_rest_is_named(workshop):
    model = workshop.model()
    call = Call("r1")
    asked = chat(model, top_k=5, format="json", extra={"verbosity": "low"}, temperature=0.5)
    answer = await reply(workshop.engine(model), asked, call)
    assert answer.text == "Hello from a child. Sampled."
    assert call.ignored == ("verbosity", "response_format")
    (sent,) = lines(model / "asked.jsonl")
    assert sent["model"] == MODEL
    assert '"top_k":5' in sent["generation_config"]


async def test_a_stop_sequence_ends_the_answer_before_it(workshop):
    model = workshop.model()
    answer = await reply(workshop.engine(model), chat(model, stop=("a",)))
    assert answer.text == "Hello from "
    assert (answer.finish.reason, answer.finish.stop_sequence) == ("stop_sequence", "a")


async def test_an_answer_that_was_cut_says_so(workshop):
    model = workshop.model()
    answer = await reply(workshop.engine(model), chat(model, max_tokens=2))
    assert (answer.text, answer.finish.reason) == ("Hello from", "length")


async def test_a_model_without_a_template_goes_on_with_the_text(workshop):
    model = workshop.model(template="")
    engine = workshop.engine(model)
    assert (await reply(engine, chat(model, "Once"))).text == "Hello from a child."
    assert lines(model / "asked.jsonl")[0]["prompt"] == "Once"


async def test_an_error_in_the_stream_is_an_error(workshop):
    model = workshop.model()
    (model / "words.json").write_text('["Hello", "ERROR"]')
    with pytest.raises(EngineFailed, match="out of memory"):
        await reply(workshop.engine(model), chat(model))


async def test_a_fault_of_its_server_is_a_fault_of_the_engine(workshop):
    model = workshop.model(status=500)
    with pytest.raises(EngineFailed, match="500"):
        await reply(workshop.engine(model), chat(model))


async def test_a_client_that_leaves_stops_it(workshop):
    model = workshop.model(slow=0.02)
    (model / "words.json").write_text(str(["word"] * 500).replace("'", '"'))
    async with aclosing(ask(workshop.engine(model), chat(model))) as events:
        await anext(events)
    await until(lambda: lines(model / "left.jsonl"))
    assert lines(model / "left.jsonl")[0]["after"] < 400


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"messages": (Message("user", (TextPart("what"), ImagePart("aGk="))),)}, "cannot see"),
        ({"messages": (Message("user", (AudioPart("aGk="),)),)}, "cannot hear"),
        ({"messages": (Message("user", "hi"),), "tools": (Tool("f"),)}, "does not support tools"),
    ],
)
async def test_what_a_model_cannot_do_is_refused_not_passed_over(workshop, fields, said):
    model = workshop.model(template="{{ messages }}")
    with pytest.raises(EngineRefused, match=said):
        await reply(workshop.engine(model), Chat(model=str(model), **fields))
    assert not pids(model)


async def test_filling_in_is_refused(workshop):
    model = workshop.model()
    with pytest.raises(EngineRefused, match="suffix"):
        await reply(workshop.engine(model), Completion(model=str(model), prompt="a", suffix="b"))


async def test_it_makes_no_embeddings(workshop):
    with pytest.raises(EngineRefused, match="no embeddings"):
        await workshop.engine("org/m").embed(Embed(model="org/m", inputs=("a",)), Call("r1"))


# ---------------------------------------------------------------- the process


async def test_one_that_dies_is_started_again(workshop):
    model = workshop.model()
    engine = workshop.engine(model)
    await reply(engine, chat(model))
    os.kill(pids(model)[0], 9)
    await until(lambda: len(pids(model)) == 2)
    assert (await reply(engine, chat(model))).text == "Hello from a child."
    assert len(pids(model)) == 2


async def test_a_request_that_finds_it_dead_waits_for_the_next_one(workshop):
    model = workshop.model()
    engine = workshop.engine(model)
    await reply(engine, chat(model))
    os.kill(pids(model)[0], 9)
    assert (await reply(engine, chat(model))).text == "Hello from a child."


async def test_a_request_that_kills_it_is_not_sent_again(workshop):
    model = workshop.model(crashes=True)
    engine = workshop.engine(model)
    with pytest.raises(EngineBroke):
        await reply(engine, chat(model))
    await until(lambda: len(pids(model)) == 2)
    assert len(lines(model / "asked.jsonl")) == 1


async def test_one_that_dies_while_it_answers_broke_off(workshop):
    model = workshop.model(dies_after=2)
    with pytest.raises(EngineBroke):
        await reply(workshop.engine(model), chat(model))


async def test_one_that_does_not_load_says_why_and_is_not_tried_at_once_again(workshop):
    model = workshop.model(fails="no such architecture")
    engine = workshop.engine(model)
    with pytest.raises(EngineFailed, match="could not be loaded: OSError: no such architecture"):
        await reply(engine, chat(model))
    (model / "habits.json").write_text("{}")
    with pytest.raises(EngineBusy, match="no such architecture.*tried again in 1 s") as refusal:
        await reply(engine, chat(model))
    assert refusal.value.retry_after == 1
    assert "no such architecture" in engine.activity()[0]
    await asyncio.sleep(0.1)
    assert (await reply(engine, chat(model))).text == "Hello from a child."


async def test_all_who_waited_hear_that_it_does_not_load(workshop):
    model = workshop.model(fails="no memory", load=0.1)
    engine = workshop.engine(model)
    found = await asyncio.gather(
        *(reply(engine, chat(model)) for _ in range(3)), return_exceptions=True
    )
    assert [type(error) for error in found] == [EngineFailed] * 3
    assert len(pids(model)) == 1


async def test_one_that_takes_too_long_to_load_is_ended(workshop):
    model = workshop.model(load=30)
    engine = workshop.engine(model, timeout=0.5)
    with pytest.raises(EngineTimeout, match="raise TIMEOUT"):
        await reply(engine, chat(model))
    await until(lambda: not psutil.pid_exists(pids(model)[0]))


async def test_a_client_that_leaves_does_not_end_the_loading(workshop):
    model = workshop.model(load=0.3)
    engine = workshop.engine(model)
    impatient = asyncio.ensure_future(reply(engine, chat(model)))
    await until(lambda: pids(model))
    assert engine.activity() == [f"{model}: loading"]
    impatient.cancel()
    with suppress(asyncio.CancelledError):
        await impatient
    assert (await reply(engine, chat(model))).text == "Hello from a child."
    assert len(pids(model)) == 1


async def test_closing_ends_even_one_that_does_not_listen(workshop, monkeypatch):
    monkeypatch.setattr("_llamagate.engines.python._GRACE", 0.2)
    model = workshop.model(deaf=True)
    engine = workshop.engine(model)
    await reply(engine, chat(model))
    await engine.close()
    assert not psutil.pid_exists(pids(model)[0])


async def test_one_whose_gateway_was_killed_ends_by_itself(workshop, tmp_path):
    model = workshop.model(deaf=True)
    python = workshop.engine(model)._python
    process = await python.start("serve.py", "serve", MODEL, cwd=model)
    await until(lambda: pids(model))
    process.stdin.close()
    assert await process.wait() == 1


async def test_it_is_started_offline_without_our_keys_and_on_this_machine_only(workshop):
    workshop.environ |= {"API_KEY": "sk-ours", "VLLM_API_KEY": "sk-theirs", "LLAMAGATE_PORT": "1"}
    workshop.environ |= {"HF_TOKEN": "hf_secret", "CUDA_VISIBLE_DEVICES": "1"}
    model = workshop.model()
    await reply(workshop.engine(model, token="hf_secret"), chat(model))
    (start,) = lines(model / "started.jsonl")
    environ = start["environ"]
    assert environ["HF_HUB_OFFLINE"] == "1"
    assert Path(environ["HF_HUB_CACHE"]).parent == workshop.folder / "data"
    assert environ["CUDA_VISIBLE_DEVICES"] == "1"
    assert not environ.keys() & {"API_KEY", "VLLM_API_KEY", "LLAMAGATE_PORT", "HF_TOKEN"}
    assert start["argv"][:4] == ["serve", MODEL, "--host", "127.0.0.1"]
    assert "--no-trust-remote-code" in start["argv"]


@pytest.mark.parametrize("before", ["/opt/lib", ""])
async def test_a_frozen_gateway_gives_back_the_path_of_libraries(workshop, monkeypatch, before):
    monkeypatch.setattr("sys.frozen", True, raising=False)
    workshop.environ |= {"LD_LIBRARY_PATH": "/tmp/_MEI1"}
    if before:
        workshop.environ["LD_LIBRARY_PATH_ORIG"] = before
    model = workshop.model()
    await reply(workshop.engine(model), chat(model))
    environ = lines(model / "started.jsonl")[0]["environ"]
    assert environ.get("LD_LIBRARY_PATH", "") == before
    assert "LD_LIBRARY_PATH_ORIG" not in environ


async def test_what_it_says_is_logged_but_nothing_of_a_request(workshop, caplog):
    caplog.set_level(logging.DEBUG, "llamagate")
    model = workshop.model(template="")
    engine = workshop.engine(model)
    snapshot = await engine._snapshots.get(str(model))
    async with engine._place.use(str(model), snapshot) as found:
        client = await found.client()
        body = b'{"model": ".", "messages": [{"role": "user", "content": "a secret"}]}'
        async with await client.send("POST", "/v1/chat/completions", body) as answer:
            assert answer.status == 500
    said = [getattr(record, "line", "") for record in caplog.records]
    assert any("Loading weights" in line for line in said)
    await until(lambda: "ValueError" in [getattr(r, "line", "") for r in caplog.records])
    assert "secret" not in str([vars(record) for record in caplog.records])


# ---------------------------------------------------------------- one at a time in memory


async def test_another_model_takes_its_place_once_nobody_uses_it(workshop):
    one, two = workshop.model("one", slow=0.05), workshop.model("two")
    engine = workshop.engine(one, two)
    first = asyncio.ensure_future(reply(engine, chat(one)))
    await until(lambda: lines(one / "asked.jsonl"))
    second = asyncio.ensure_future(reply(engine, chat(two)))
    await asyncio.sleep(0.05)
    assert not pids(two)
    assert (await first).text == (await second).text == "Hello from a child."
    assert not psutil.pid_exists(pids(one)[0])
    assert [resident.name for resident in await engine.resident()] == [str(two)]


async def test_who_asks_for_another_model_is_not_overtaken_for_ever(workshop):
    one, two = workshop.model("one", slow=0.03), workshop.model("two")
    engine = workshop.engine(one, two)
    order = []

    async def run(model, name):
        await reply(engine, chat(model))
        order.append(name)

    first = asyncio.ensure_future(run(one, "one"))
    await until(lambda: lines(one / "asked.jsonl"))
    second = asyncio.ensure_future(run(two, "two"))
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    third = asyncio.ensure_future(run(one, "one again"))
    await asyncio.gather(first, second, third)
    assert order == ["one", "two", "one again"]


async def test_loading_and_unloading(workshop):
    model = workshop.model()
    engine = workshop.engine(model)
    load = Completion(model=str(model), prompt="")
    assert (await reply(engine, load)).finish.reason == "load"
    assert len(await engine.resident()) == 1
    unload = Completion(model=str(model), prompt="", keep_alive=0)
    assert (await reply(engine, unload)).finish.reason == "unload"
    assert await engine.resident() == []
    assert not psutil.pid_exists(pids(model)[0])


async def test_unloading_another_model_changes_nothing(workshop):
    model = workshop.model()
    engine = workshop.engine(model)
    await reply(engine, chat(model))
    await reply(engine, Completion(model="org/other", prompt="", keep_alive=0))
    assert len(await engine.resident()) == 1
