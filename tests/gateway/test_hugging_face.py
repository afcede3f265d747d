"""Hugging Face models by the gateway's own doors: which names, from where, and what is said of
those that are refused."""

import asyncio
import sys
from dataclasses import replace

import pytest

from tests.fakes.workshop import Workshop, lines


@pytest.fixture
def workshop(tmp_path):
    return Workshop(tmp_path)


@pytest.fixture
def start(start_gateway, workshop, ollama):
    async def begin(**settings):
        fixed = {"TRANSFORMERS_PYTHON": sys.executable, "OLLAMA_HOST": ollama.url}
        return await start_gateway(**{**workshop.environ, **fixed, **settings})

    return begin


async def chat(gateway, model="", **fields):
    body = {"messages": [{"role": "user", "content": "hi"}], **fields}
    return await gateway.json(
        "POST", "/v1/chat/completions", json={"model": model, **body} if model else body
    )


async def models(gateway):
    _, listed = await gateway.json("GET", "/v1/models")
    return {model["id"] for model in listed["data"]}


async def test_the_model_of_the_transformers_backend_is_the_default(start, workshop):
    workshop.on_hub("openai-community/gpt2", template="")
    gateway = await start(MODEL_BACKEND="transformers", MODEL_NAME="openai-community/gpt2")
    status, answer = await chat(gateway)
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "Hello from a child.")
    assert answer["model"] == "openai-community/gpt2"
    assert "openai-community/gpt2" in await models(gateway)


async def test_it_may_be_a_folder(start, workshop):
    model = workshop.model()
    gateway = await start(MODEL_BACKEND="transformers", MODEL_NAME=str(model))
    assert (await chat(gateway))[0] == 200
    assert len(lines(model / "started.jsonl")) == 1


async def test_with_ollama_as_the_backend_a_model_name_is_a_model_of_ollama(start, workshop):
    gateway = await start(MODEL_NAME="llama3.1:8b")
    assert (await chat(gateway))[1]["model"] == "llama3.1:8b"
    assert [engine.kind for engine in gateway.server.gateway.pool.engines] == ["ollama"]


async def test_other_models_are_downloaded_when_a_client_names_one_that_is_allowed(start, workshop):
    workshop.on_hub("Qwen/Toy-1B")
    gateway = await start(HF_MODELS="qwen/*")
    status, answer = await chat(gateway, "Qwen/Toy-1B")
    assert (status, answer["model"]) == (200, "Qwen/Toy-1B")
    gateway.server.gateway.pool.forget()
    assert "Qwen/Toy-1B" in await models(gateway)


async def test_a_model_that_is_not_allowed_is_refused_with_the_name_of_the_setting(start, workshop):
    place = workshop.on_hub("org/toy")
    for allowed in ("none", "qwen/*"):
        gateway = await start(HF_MODELS=allowed)
        status, answer = await chat(gateway, "org/toy")
        assert (status, answer["error"]["code"]) == (404, "model_not_found")
        assert "HF_MODELS" in answer["error"]["message"]
    assert not (place / ".asked").exists()


async def test_a_name_that_no_hub_could_have_is_not_asked_for(start, workshop):
    gateway = await start(HF_MODELS="*")
    for name in ("hf.co/org/toy", "llama9:70b", "a/b/c", "org/--", "/etc", "../up"):
        status, answer = await chat(gateway, name)
        assert status in (400, 404), answer
        assert "Hugging Face" not in answer["error"]["message"]


async def test_a_model_that_the_hub_does_not_have_is_not_there(start, workshop):
    gateway = await start(HF_MODELS="*")
    status, answer = await chat(gateway, "org/none")
    assert (status, answer["error"]["code"]) == (404, "model_not_found")
    assert "not on Hugging Face" in answer["error"]["message"]


async def test_what_ollama_has_stays_with_ollama(start, workshop):
    gateway = await start(HF_MODELS="*")
    assert (await chat(gateway, "llama3.1:8b"))[0] == 200
    assert gateway.lines()[-1]["engine"] == "ollama"


async def test_without_the_extra_the_refusal_says_how_to_get_it(start, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    gateway = await start(HF_MODELS="org/*", PYTHONPATH=str(empty))
    status, answer = await chat(gateway, "org/toy")
    assert status == 503
    assert "pip install 'transformers[serving]" in answer["error"]["message"]
    assert "TRANSFORMERS_PYTHON" in answer["error"]["message"]
    assert (await chat(gateway, "llama3.1:8b"))[0] == 200


async def test_a_stream_is_kept_alive_while_the_model_loads(start, workshop):
    model = workshop.model(load=0.5)
    gateway = await start(MODEL_BACKEND="transformers", MODEL_NAME=str(model), KEEPALIVE="100ms")
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
    url = f"{gateway.url}/v1/chat/completions"
    async with gateway.session.post(url, json=body) as answer:
        text = (await answer.read()).decode()
    assert text.startswith(":")
    assert text.endswith("data: [DONE]\n\n")
    assert '"finish_reason":"stop"' in text


async def test_ollamas_own_wire_reaches_it_too(start, workshop):
    workshop.on_hub("org/toy")
    gateway = await start(HF_MODELS="org/toy")
    body = {"model": "org/toy", "prompt": "hi", "stream": False}
    status, answer = await gateway.json("POST", "/api/generate", json=body)
    assert (status, answer["response"]) == (200, "Hello from a child.")


async def test_what_it_cannot_do_is_named_in_the_answer(start, workshop):
    workshop.on_hub("org/toy")
    gateway = await start(HF_MODELS="org/toy")
    asked = {
        "model": "org/toy",
        "messages": [{"role": "user", "content": "hi"}],
        "response_format": {"type": "json_object"},
        "logprobs": True,
    }
    url = f"{gateway.url}/v1/chat/completions"
    async with gateway.session.post(url, json=asked) as answer:
        assert answer.status == 200
        assert answer.headers["x-ignored-parameters"] == "logprobs, response_format"


async def test_embeddings_are_a_clear_mistake_of_the_client(start, workshop):
    workshop.on_hub("org/toy")
    gateway = await start(HF_MODELS="org/toy")
    asked = {"model": "org/toy", "input": "hi"}
    status, answer = await gateway.json("POST", "/v1/embeddings", json=asked)
    assert status == 400
    assert "makes no embeddings" in answer["error"]["message"]


async def test_it_is_loaded_and_unloaded_like_any_other(start, workshop):
    model = workshop.on_hub("org/toy")
    gateway = await start(HF_MODELS="org/toy")
    status, loaded = await gateway.json("POST", "/models/load", json={"model_id": "org/toy"})
    assert (status, loaded["status"]) == (200, "loaded")
    assert [name for _, name in held(gateway)] == ["org/toy"]
    status, loaded = await gateway.json("POST", "/models/unload")
    assert (status, loaded["status"]) == (200, "unloaded")
    await gateway.server.gateway.pool.refresh()
    assert held(gateway) == []
    assert model.is_dir()


def held(gateway):
    return [(engine, one.name) for engine, one in gateway.server.gateway.pool.residents()]


async def test_administrators_see_a_download_while_it_runs(start, workshop):
    place = workshop.on_hub("org/toy")
    (place / ".slow").write_text("0.2")
    gateway = await start(HF_MODELS="org/toy", ADMIN_KEY="sk-the-admin-of-this")
    headers = {"X-API-Key": "sk-the-admin-of-this"}
    body = {"model": "org/toy", "messages": [{"role": "user", "content": "hi"}]}
    waiting = asyncio.ensure_future(
        gateway.json("POST", "/v1/chat/completions", json=body, headers=headers)
    )
    told = []
    while not waiting.done():
        _, state = await gateway.json("GET", "/admin/state", headers=headers)
        told += [doing for engine in state["engines"] for doing in engine["activity"]]
        await asyncio.sleep(0.05)
    assert (await waiting)[0] == 200
    assert any(doing.startswith("org/toy: downloading") for doing in told)


async def test_other_names_are_allowed_without_a_restart(start, workshop):
    workshop.on_hub("org/toy")
    gateway = await start(HF_MODELS="qwen/*")
    assert (await chat(gateway, "org/toy"))[0] == 404
    running = gateway.server.gateway
    engine = replace(running.config.engines[-1], models=("org/*",))
    config = replace(running.config, hf_models=("org/*",), engines=(engine,))
    assert running.reload(config) == []
    assert (await chat(gateway, "org/toy"))[0] == 200
