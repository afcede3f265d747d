"""Models into memory and out of it, over one engine and several."""

from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeModel, FakeOllama
from tests.fakes.openai import OpenAIServer

TINY = FakeModel("tiny:latest")


async def load(gateway: Running, name: str, bits: int = 0) -> tuple[int, Any]:
    body = {"model_id": name, "quantization_bits": bits}
    return await gateway.json("POST", "/models/load", json=body)


async def unload(gateway: Running, name: str = "", **how: Any) -> tuple[int, Any]:
    if name:
        how["json"] = {"model_id": name}
    return await gateway.json("POST", "/models/unload", **how)


async def generate(gateway: Running, model: str) -> None:
    status, _ = await gateway.json("POST", "/generate", json={"model": model, "prompt": "Hi"})
    assert status == 200


async def test_a_load_is_over_when_the_model_is_in_memory(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.residence.load_time = 0.1
    status, found = await load(gateway, "llama3.1:8b")
    assert (status, found["status"]) == (200, "loaded")
    assert ollama.loaded == ["llama3.1:8b"]
    _, resident = await gateway.json("GET", "/api/ps")
    assert [one["name"] for one in resident["models"]] == ["llama3.1:8b"]


async def test_a_second_load_loads_nothing_again(gateway: Running, ollama: FakeOllama) -> None:
    for _ in range(3):
        assert (await load(gateway, "llama3.1:8b"))[0] == 200
    assert ollama.loads["llama3.1:8b"] == 1


@pytest.mark.parametrize("spelling", ["llama3.2", "ollama:llama3.2", " LLAMA3.2:latest"])
async def test_every_spelling_loads_and_frees_the_same_model(
    gateway: Running, ollama: FakeOllama, spelling: str
) -> None:
    status, found = await load(gateway, spelling)
    assert (status, found["model_id"]) == (200, spelling)
    assert ollama.loaded == ["llama3.2:latest"]
    status, found = await unload(gateway, spelling)
    assert (status, found["status"]) == (200, "unloaded")
    assert ollama.loaded == []


async def test_a_model_that_only_embeds_is_loaded_and_freed_too(
    gateway: Running, ollama: FakeOllama
) -> None:
    assert (await load(gateway, "nomic-embed-text"))[0] == 200
    assert ollama.loaded == ["nomic-embed-text:latest"]
    assert (await unload(gateway, "nomic-embed-text"))[1]["status"] == "unloaded"
    assert ollama.loaded == []


async def test_an_alias_loads_what_it_stands_for(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MODEL_ALIASES="gpt-4=llama3.1:8b")
    assert (await load(gateway, "gpt-4"))[1]["model_id"] == "gpt-4"
    assert ollama.loaded == ["llama3.1:8b"]
    assert (await unload(gateway))[1]["model_id"] == "llama3.1:8b"
    assert ollama.loaded == []


# ------------------------------------------------------------ which one, when none is named


async def test_the_model_last_loaded_is_the_one_to_unload(
    gateway: Running, ollama: FakeOllama
) -> None:
    await load(gateway, "llama3.2")
    await load(gateway, "llama3.1:8b")
    await generate(gateway, "qwen3")
    _, found = await unload(gateway)
    assert found == {"success": True, "model_id": "llama3.1:8b", "status": "unloaded"}
    assert sorted(ollama.loaded) == ["llama3.2:latest", "qwen3:latest"]
    assert (await unload(gateway))[1]["status"] == "not_loaded"  # which of the two is meant?


async def test_else_the_only_one_in_memory_is(gateway: Running, ollama: FakeOllama) -> None:
    await generate(gateway, "llama3.2")
    _, found = await unload(gateway, data=b"")
    assert (found["model_id"], found["status"]) == ("llama3.2:latest", "unloaded")
    assert ollama.loaded == []


async def test_else_nothing_is_and_that_is_no_error(gateway: Running, ollama: FakeOllama) -> None:
    for body in ({}, {"json": {}}, {"json": {"model_id": None}}):
        status, found = await unload(gateway, **body)
        assert (status, found["status"], found["model_id"]) == (200, "not_loaded", None)
    assert ollama.generations == []


async def test_a_model_that_went_by_itself_is_not_unloaded_again(
    gateway: Running, ollama: FakeOllama
) -> None:
    await load(gateway, "llama3.2")
    ollama.residence.unload(ollama.models[1])
    await generate(gateway, "llama3.1:8b")
    assert (await unload(gateway))[1]["model_id"] == "llama3.1:8b"


async def test_what_others_loaded_behind_our_back_is_seen(
    gateway: Running, ollama: FakeOllama
) -> None:
    assert (await unload(gateway, "llama3.2"))[1]["status"] == "not_loaded"
    await ollama.residence.load(ollama.models[1], None, None)
    assert (await unload(gateway, "llama3.2"))[1]["status"] == "unloaded"
    assert ollama.loaded == []


async def test_the_resident_model_of_a_caller_is_one_it_may_use(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    toml = '[roles.user]\nmodels = ["llama3.2"]\n'
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, API_KEY="the-users-key", ADMIN_KEY="adm-key-1", toml=toml
    )
    admin, user = {"X-API-Key": "adm-key-1"}, {"X-API-Key": "the-users-key"}
    body = {"model_id": "llama3.1:8b"}
    assert (await gateway.json("POST", "/models/load", json=body, headers=admin))[0] == 200
    for how in ({}, {"json": body}):
        status, found = await gateway.json("POST", "/models/unload", headers=user, **how)
        assert status == (404 if how else 200)
        assert how or found["status"] == "not_loaded"
    assert (await gateway.json("POST", "/models/load", json=body, headers=user))[0] == 404
    assert ollama.loaded == ["llama3.1:8b"]


# ------------------------------------------------------------ quantization


@pytest.mark.parametrize("bits", [0, 4])
async def test_the_quantization_it_has_can_be_had(
    gateway: Running, ollama: FakeOllama, bits: int
) -> None:
    assert (await load(gateway, "llama3.1:8b", bits))[0] == 200
    assert ollama.loaded == ["llama3.1:8b"]


@pytest.mark.parametrize("bits", [1, 2, 8, 16, 64])
async def test_any_other_is_refused_in_words(
    gateway: Running, ollama: FakeOllama, bits: int
) -> None:
    status, found = await load(gateway, "llama3.1:8b", bits)
    assert (status, found["error"]["param"]) == (400, "quantization_bits")
    assert "Q4_K_M" in found["error"]["message"]
    assert ollama.loaded == []


async def test_an_unknown_model_is_404_whatever_is_wanted_of_it(gateway: Running) -> None:
    for asked in (load(gateway, "gone"), load(gateway, "gone", 4), unload(gateway, "gone")):
        status, found = await asked
        assert (status, found["error"]["code"]) == (404, "model_not_found")


# ------------------------------------------------------------ engines


async def test_every_engine_that_holds_it_lets_go(start_gateway: StartGateway) -> None:
    async with AsyncExitStack() as stack:
        fakes = [await stack.enter_async_context(FakeOllama(TINY)) for _ in range(3)]
        gateway = await start_gateway(OLLAMA_HOST=",".join(fake.url for fake in fakes))
        for fake in fakes[:2]:
            await fake.residence.load(TINY, None, None)
        assert (await unload(gateway, "tiny"))[1]["status"] == "unloaded"
        assert [fake.loaded for fake in fakes] == [[], [], []]
        assert [len(fake.generations) for fake in fakes] == [1, 1, 0]


async def test_a_busy_engine_is_told_to_let_go_and_finishes_its_answer(
    start_gateway: StartGateway,
) -> None:
    """The model's slots are all taken; another engine, which does not hold it, has free ones."""
    async with FakeOllama(TINY) as busy, FakeOllama(TINY) as idle:
        gateway = await start_gateway(OLLAMA_HOST=f"{busy.url},{idle.url}", SLOTS="1")
        busy.answer = Answer(pieces=("word ",) * 20, pace=0.02)
        await busy.residence.load(TINY, None, None)
        async with gateway.session.post(
            f"{busy.url}/api/generate", json={"model": "tiny", "prompt": "Hi"}
        ) as answer:
            await answer.content.readline()
            assert (await unload(gateway, "tiny"))[1]["status"] == "unloaded"
            assert busy.running == 1
            assert b'"done":true' in await answer.read()
        assert busy.loaded == idle.loaded == []
        assert idle.generations == []


async def test_an_engine_that_keeps_its_models_itself_says_so(start_gateway: StartGateway) -> None:
    async with OpenAIServer() as engine:
        gateway = await start_gateway(OLLAMA_HOST="none", OPENAI_ENGINES=f"box={engine.url}/v1")
        _, models = await gateway.json("GET", "/api/models")
        name = models["models"][0]["id"]
        assert (await load(gateway, name))[1]["status"] == "loaded"
        status, found = await unload(gateway, name)
        assert status == 400
        assert "keeps its models itself" in found["error"]["message"]
        assert (await unload(gateway))[1]["status"] == "not_loaded"


async def test_without_an_engine_it_is_503(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(OLLAMA_HOST="http://127.0.0.1:1")
    for asked in (load(gateway, "tiny"), load(gateway, "tiny", 4), unload(gateway, "tiny")):
        assert (await asked)[0] == 503


async def test_a_client_that_leaves_while_a_model_loads_stops_the_load(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.residence.load_time = 30
    with pytest.raises(TimeoutError):
        await gateway.json(
            "POST",
            "/models/load",
            json={"model_id": "llama3.1:8b"},
            timeout=aiohttp.ClientTimeout(total=0.2),
        )
    await ollama.until(lambda: ollama.cancelled == 1)
