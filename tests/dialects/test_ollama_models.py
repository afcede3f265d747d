"""Lists and descriptions of models over several engines, and who may know of which model."""

import hashlib
from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeModel, FakeOllama, Fault

ANN, BOB, CHIEF = "sk-ann-0123456789", "sk-bob-0123456789", "sk-chief-0123456789"


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


KEYS = f"""
[keys.ann]
sha256 = "{sha256(ANN)}"
models = ["llama3.2", "nomic-embed-text"]

[keys.bob]
sha256 = "{sha256(BOB)}"

[keys.chief]
sha256 = "{sha256(CHIEF)}"
role = "admin"
"""


def by(key: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {key}"}}


async def named(gateway: Running, path: str, **how: Any) -> list[str]:
    status, found = await gateway.json("GET", path, **how)
    assert status == 200, found
    return [model["name"] for model in found["models"]]


# ---------------------------------------------------------------- what may be known and used

ASKING = [
    ("/api/chat", {"messages": [{"role": "user", "content": "Hi"}]}),
    ("/api/chat", {"messages": [{"role": "user", "content": "Hi"}], "stream": False}),
    ("/api/chat", {}),
    ("/api/generate", {"prompt": "Hi"}),
    ("/api/generate", {"keep_alive": 0}),
    ("/api/embed", {"input": "Hi"}),
    ("/api/embeddings", {"prompt": "Hi"}),
    ("/api/show", {}),
]


@pytest.mark.parametrize(("path", "body"), ASKING)
@pytest.mark.parametrize("model", ["llama3.1:8b", "LLAMA3.1:8B", "library/llama3.1:8b", "alias"])
async def test_a_model_that_is_not_ones_own_is_not_there(
    start_gateway: StartGateway, ollama: FakeOllama, path: str, body: dict[str, Any], model: str
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, MODEL_ALIASES="alias=llama3.1:8b", toml=KEYS
    )
    for prefix in ("", "/ollama"):
        status, found = await gateway.json(
            "POST", prefix + path, json={**body, "model": model}, **by(ANN)
        )
        assert (status, found.keys()) == (404, {"error"})
        assert "not found" in found["error"]
    assert not [seen for seen in ollama.requests if seen.path == path]


async def test_lists_hold_what_the_caller_may_use(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, MODEL_ALIASES="gpt-4=llama3.1:8b", toml=KEYS
    )
    for model in ("llama3.1:8b", "llama3.2"):
        await gateway.json("POST", "/api/generate", json={"model": model}, **by(BOB))
    assert await named(gateway, "/api/tags", **by(ANN)) == [
        "llama3.2:latest",
        "nomic-embed-text:latest",
    ]
    assert await named(gateway, "/api/ps", **by(ANN)) == ["llama3.2:latest"]
    everything = await named(gateway, "/api/tags", **by(BOB))
    assert everything[:2] == ["llama3.1:8b", "llama3.2:latest"]
    assert everything[-1] == "gpt-4"
    assert sorted(await named(gateway, "/api/ps", **by(BOB))) == ["llama3.1:8b", "llama3.2:latest"]


async def test_a_name_that_leaves_the_machine_is_refused(gateway: Running) -> None:
    for path, body in ASKING:
        status, found = await gateway.json("POST", path, json={**body, "model": "big:cloud"})
        assert status == 403, path
        assert "ollama.com" in found["error"]


# ---------------------------------------------------------------- several engines


async def test_the_lists_of_several_engines_are_one(start_gateway: StartGateway) -> None:
    async with FakeOllama("a:latest", "both:latest") as one, FakeOllama("both:latest", "b") as two:
        gateway = await start_gateway(OLLAMA_HOST=f"{one.url},{two.url}")
        names = await named(gateway, "/api/tags")
        assert sorted(names) == ["a:latest", "b", "both:latest"]
        for model in ("a", "b"):
            await gateway.json("POST", "/api/generate", json={"model": model})
            status, shown = await gateway.json("POST", "/api/show", json={"model": model})
            assert (status, shown["details"]["family"]) == (200, "llama")
        assert sorted(await named(gateway, "/api/ps")) == ["a:latest", "b"]


async def test_another_engine_describes_a_model_when_the_first_is_gone(
    start_gateway: StartGateway,
) -> None:
    async with FakeOllama("both") as one, FakeOllama("both") as two:
        gateway = await start_gateway(OLLAMA_HOST=f"{one.url},{two.url}")
        await named(gateway, "/api/tags")
        one.faults["/api/show"] = Fault.cut()
        status, shown = await gateway.json("POST", "/api/show", json={"model": "both"})
        assert (status, shown["capabilities"]) == (200, ["completion", "tools"])
        two.faults["/api/show"] = Fault.answer(500, "broken")
        status, found = await gateway.json("POST", "/api/show", json={"model": "both"})
        assert (status, found) == (502, {"error": "broken"})


async def test_without_an_engine_the_lists_are_no_empty_lists(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(OLLAMA_HOST="http://127.0.0.1:1")
    for method, path in (("GET", "/api/tags"), ("GET", "/api/ps"), ("GET", "/api/version")):
        status, found = await gateway.json(method, path)
        assert (status, found.keys()) == (503, {"error"})


async def test_the_version_is_the_engines(gateway: Running, ollama: FakeOllama) -> None:
    for _ in range(3):
        assert await gateway.json("GET", "/api/version") == (200, {"version": ollama.version})
    assert len(ollama.seen("/api/version")) == 1


async def test_the_cloud_is_off_unless_it_was_allowed(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url)
    _, off = await gateway.json("GET", "/ollama/api/status")
    assert off == {"cloud": {"disabled": True, "source": "config"}}


async def test_the_surface_has_a_port_of_its_own(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SURFACE_PORTS="ollama:0")
    url = dict(gateway.server.addresses)["ollama"]
    for method in ("GET", "HEAD"):
        async with gateway.session.request(method, url + "/") as answer:
            assert (answer.status, answer.content_type) == (200, "text/plain")
            assert await answer.text() == ("Ollama is running" if method == "GET" else "")
        for path in ("/api/version", "/api/tags"):
            async with gateway.session.request(method, url + path) as answer:
                assert answer.status == 200
    async with gateway.session.get(url + "/nothing") as answer:
        assert (answer.status, (await answer.json()).keys()) == (404, {"error"})
    async with gateway.session.get(url + "/v1/models") as answer:  # Ollama has these too
        assert answer.status == 200


# ---------------------------------------------------------------- what a description tells whom


SECRETIVE: dict[str, object] = {
    "modelfile": 'FROM /var/ollama/blobs/sha256-aa\nSYSTEM """Keep\nquiet."""\n',
    "system": "Keep\nquiet.",
}


async def test_only_administrators_see_all_of_a_description(start_gateway: StartGateway) -> None:
    locked = '[models.secretive]\nsystem = "Ours."\nlock = ["system"]\n'
    async with FakeOllama(FakeModel("secretive:latest", show=SECRETIVE)) as ollama:
        gateway = await start_gateway(OLLAMA_HOST=ollama.url, toml=KEYS + locked)
        asked = {"model": "secretive"}
        _, user = await gateway.json("POST", "/api/show", json=asked, **by(BOB))
        _, chief = await gateway.json("POST", "/api/show", json=asked, **by(CHIEF))
    assert user["modelfile"] == "FROM secretive\n"
    assert "system" not in user
    assert chief["modelfile"] == SECRETIVE["modelfile"]
    assert chief["system"] == SECRETIVE["system"]
    assert user["capabilities"] == chief["capabilities"]


async def test_what_else_is_asked_of_a_description_reaches_the_engine(
    gateway: Running, ollama: FakeOllama
) -> None:
    _, shown = await gateway.json("POST", "/api/show", json={"name": "llama3.2", "verbose": True})
    assert shown["model_info"]["tokenizer.ggml.tokens"] == ["<s>"]
    (seen,) = ollama.seen("/api/show")
    assert seen.json == {"verbose": True, "model": "llama3.2:latest"}
