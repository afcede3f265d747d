"""From a request with a model's name in it to the engine that answers: names, defaults, usage."""

import asyncio
from hashlib import sha256
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.dialects.chunks import read_stream
from tests.fakes.ollama import Answer, FakeModel, FakeOllama

HI = [{"role": "user", "content": "Hi"}]
PATH = "/v1/chat/completions"
ANN = "sk-ann-0123456789"
TOML = f"""
[aliases]
"gpt-4" = ["gone:70b", "llama3.1:8b"]
"claude-*" = "llama3.2"

[models."llama3.2"]
num_ctx = 16384
temperature = 0.25
keep_alive = "30m"
system = "Be brief."
lock = ["num_ctx"]

[keys.ann]
sha256 = "{sha256(ANN.encode()).hexdigest()}"
models = ["llama3.1:8b", "gpt-4"]
"""


async def ask(gateway: Running, model: str = "llama3.2", key: str = "", **more: Any) -> Any:
    body = {"model": model, "messages": HI, **more}
    headers = {"X-API-Key": key} if key else {}
    return await gateway.json("POST", PATH, json=body, headers=headers)


@pytest.fixture
async def told(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(OLLAMA_HOST=ollama.url, toml=TOML, ADMIN_KEY="sk-admin-0123456789")


ADMIN = "sk-admin-0123456789"


def sent(ollama: FakeOllama) -> dict[str, Any]:
    found: dict[str, Any] = ollama.generations[-1].json
    return found


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "spelling", ["llama3.2", "LLAMA3.2:latest", "https://registry.ollama.ai/library/llama3.2"]
)
async def test_every_spelling_reaches_the_engine_as_the_engine_spells_it(
    gateway: Running, ollama: FakeOllama, spelling: str
) -> None:
    status, found = await ask(gateway, spelling)
    assert (status, found["model"]) == (200, spelling)
    assert sent(ollama)["model"] == "llama3.2:latest"


async def test_an_alias_leads_to_the_first_of_its_models_that_is_there(
    told: Running, ollama: FakeOllama
) -> None:
    for alias, model in (("gpt-4", "llama3.1:8b"), ("Claude-Sonnet-4-5", "llama3.2:latest")):
        status, found = await ask(told, alias, ADMIN)
        assert (status, found["model"], sent(ollama)["model"]) == (200, alias, model)


async def test_aliases_of_the_environment_work_too(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    aliases = "gpt-4=llama3.1:8b,o*=qwen3"
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MODEL_ALIASES=aliases)
    assert (await ask(gateway, "o3-mini"))[0] == 200
    assert sent(ollama)["model"] == "qwen3:latest"


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "m:cloud", "deepseek-v3.1:671b-cloud"])
async def test_a_model_that_leaves_the_machine_is_refused(
    gateway: Running, ollama: FakeOllama, name: str
) -> None:
    status, found = await ask(gateway, name)
    assert (status, found["error"]["param"]) == (403, "model")
    assert "cloud_models" in found["error"]["message"]
    assert ollama.generations == []


@pytest.mark.parametrize("name", ["a b", "a/b/c/d/../e", "x" * 600, "m:", "//", "\x00"])
async def test_what_is_no_name_is_refused(gateway: Running, name: str) -> None:
    status, found = await ask(gateway, name)
    assert status in (400, 404)
    assert found["error"]["param"] == "model"


async def test_a_caller_sees_only_the_models_that_are_his(told: Running) -> None:
    assert (await ask(told, "llama3.1:8b", ANN))[0] == 200
    assert (await ask(told, "gpt-4", ANN))[0] == 200
    status, refused = await ask(told, "llama3.2", ANN)
    _, unknown = await ask(told, "nobody", ANN)
    assert status == 404
    words = refused["error"]["message"].replace("llama3.2", "nobody")
    assert words == unknown["error"]["message"]
    headers = {"X-API-Key": ANN}
    _, listed = await told.json("GET", "/v1/models", headers=headers)
    assert {one["id"] for one in listed["data"]} == {"llama3.1:8b", "gpt-4"}
    assert (await told.json("GET", "/v1/models/llama3.2", headers=headers))[0] == 404


async def test_without_a_name_the_configured_model_answers_else_the_one_in_memory(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, OLLAMA_MODEL="qwen3")
    assert (await ask(gateway, ""))[1]["model"] == "qwen3"
    gateway = await start_gateway(OLLAMA_HOST=ollama.url)
    await gateway.json("GET", "/v1/models")
    assert (await ask(gateway, ""))[1]["model"] == "qwen3"


# ---------------------------------------------------------------- defaults and locks


async def test_without_a_name_only_a_model_that_the_caller_may_use_answers(
    told: Running, ollama: FakeOllama
) -> None:
    await ask(told, "llama3.2", ADMIN)
    await ollama.until(lambda: ollama.loaded == ["llama3.2:latest"])
    status, found = await ask(told, "", ANN)
    assert (status, found["model"]) == (200, "llama3.1:8b")


async def test_defaults_hold_where_the_client_says_nothing(
    told: Running, ollama: FakeOllama
) -> None:
    await ask(told, key=ADMIN)
    body = sent(ollama)
    assert body["options"] == {"num_ctx": 16384, "temperature": 0.25}
    assert body["keep_alive"] == "30m"
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}


async def test_a_client_may_say_otherwise_but_for_what_is_locked(
    told: Running, ollama: FakeOllama
) -> None:
    said = [{"role": "system", "content": "Be long."}, *HI]
    await ask(told, key=ADMIN, temperature=1, num_ctx=512, keep_alive=0, messages=said)
    body = sent(ollama)
    assert body["options"] == {"num_ctx": 16384, "temperature": 1}
    assert (body["keep_alive"], body["messages"]) == (0, said)
    await ask(told, key=ADMIN, options={"num_ctx": 512, "mirostat": 1})
    assert sent(ollama)["options"]["num_ctx"] == 16384


# ---------------------------------------------------------------- usage, turns


async def test_what_was_used_is_counted(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer("one two three", prompt_tokens=10)
    _, found = await ask(gateway, n=2)
    assert found["usage"]["prompt_tokens"] == 10
    assert found["usage"]["completion_tokens"] == 8
    line = gateway.lines()[-1]
    assert (line["tokens_in"], line["tokens_out"]) == (10, 8)
    async with gateway.session.get(gateway.url + "/metrics") as answer:
        text = await answer.text()
    assert "llamagate_prompt_tokens_total 20.0" in text  # the engine did read it twice
    assert "llamagate_completion_tokens_total 8.0" in text


async def test_no_more_run_at_once_than_there_are_slots(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="2")
    ollama.answer = Answer("one two three", pace=0.02)
    statuses = await asyncio.gather(*(ask(gateway, seed=number) for number in range(12)))
    assert [status for status, _ in statuses] == [200] * 12
    assert ollama.most["llama3.2:latest"] == 2


async def test_who_waits_too_long_and_who_finds_no_place_is_told_when_to_come_back(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, SLOTS="1", QUEUE_LIMIT="1", QUEUE_TIMEOUT="1s"
    )
    ollama.answer = Answer(first=30)
    first = asyncio.ensure_future(ask(gateway, seed=1))
    await ollama.until(lambda: ollama.running == 1)
    second = asyncio.ensure_future(ask(gateway, seed=2))
    await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 1)
    status, found = await ask(gateway, seed=3)
    assert (status, found["error"]["code"]) == (503, "queue_full")
    status, found = await second
    assert (status, found["error"]["code"]) == (503, "waited_too_long")
    first.cancel()


async def test_an_engine_that_hangs_is_504_after_the_timeout(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, TIMEOUT="1s")
    ollama.answer = Answer(first=30)
    status, found = await ask(gateway)
    assert (status, found["error"]["code"]) == (504, "engine_timeout")
    await ollama.until(lambda: ollama.running == 0)


async def test_the_timeout_never_cuts_a_stream_that_flows(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, TIMEOUT="1s")
    ollama.answer = Answer(pieces=("word ",) * 8, pace=0.3)
    body = {"model": "llama3.2", "messages": HI, "stream": True}
    found = await read_stream(gateway, PATH, json=body)
    assert (found.text(), found.done) == ("word " * 8, True)
    status, whole = await ask(gateway)
    assert (status, whole["choices"][0]["message"]["content"]) == (200, "word " * 8)


async def test_a_model_that_cannot_think_is_refused_by_name(
    gateway: Running, ollama: FakeOllama
) -> None:
    status, found = await ask(gateway, reasoning_effort="high")
    assert status == 400
    assert "does not support thinking" in found["error"]["message"]


async def test_models_that_come_later_are_found(gateway: Running, ollama: FakeOllama) -> None:
    assert (await ask(gateway, "late"))[0] == 404
    ollama.models.append(FakeModel("late:latest"))
    await asyncio.sleep(1.05)  # what an engine listed is believed for a second
    assert (await ask(gateway, "late"))[0] == 200
