"""`transformers serve` itself, with a model of random weights that is made here. Everything goes
through the whole gateway."""

import os
import subprocess
from pathlib import Path

import orjson
import psutil
import pytest

from tests.conftest import Running
from tests.fakes.hub import Hub

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venvs" / "transformers" / "bin" / "python"
CHAT = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{{ '<|im_start|>assistant\n' }}"
)
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="To enable it: scripts/unix/transformers.sh"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, template in (("talks", [CHAT]), ("goes-on", [])):
        maker = ROOT / "tests" / "fakes" / "tiny_model.py"
        done = subprocess.run(
            [PYTHON, maker, folder / name, *template], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
async def gateway(start_gateway, models) -> Running:
    return await start_gateway(
        **os.environ,
        CACHE="false",
        OLLAMA_HOST="none",
        MODEL_BACKEND="transformers",
        MODEL_NAME=str(models / "talks"),
        HF_MODELS=str(models / "goes-on"),
        TRANSFORMERS_PYTHON=str(PYTHON),
    )


async def chat(gateway, **fields):
    body = {"messages": [{"role": "user", "content": "the cat"}], "max_tokens": 12, **fields}
    status, answer = await gateway.json("POST", "/v1/chat/completions", json=body)
    assert status == 200, answer
    return answer["choices"][0], answer["usage"]


async def streamed(gateway, **fields):
    body = {"messages": [{"role": "user", "content": "the cat"}], "max_tokens": 12, **fields}
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    url = f"{gateway.url}/v1/chat/completions"
    async with gateway.session.post(url, json=body) as answer:
        text = (await answer.read()).decode()
    *chunks, done = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    assert done == "[DONE]"
    return [orjson.loads(chunk) for chunk in chunks]


def children() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "serve.py" in " ".join(process.cmdline())
    ]


async def test_it_answers(gateway):
    choice, usage = await chat(gateway, temperature=0)
    text = choice["message"]["content"]
    assert choice["finish_reason"] == "length"
    assert usage["completion_tokens"] == 12
    assert usage["prompt_tokens"] > 4
    assert text and "im_start" not in text

    chunks = await streamed(gateway, temperature=0)
    pieces = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    assert "".join(pieces) == text
    assert len([piece for piece in pieces if piece]) > 2
    assert chunks[-1]["usage"]["completion_tokens"] == 12
    assert chunks[-2]["choices"][0]["finish_reason"] == "length"

    stop = text[4:6]
    assert (await chat(gateway, temperature=0, stop=[stop]))[0]["message"]["content"] == text[:4]

    sampled = {
        (await chat(gateway, temperature=1.5, seed=s))[0]["message"]["content"] for s in range(4)
    }
    assert len(sampled) > 1
    assert await chat(gateway, top_k=1, min_p=0.1, repeat_penalty=1.2, logprobs=True, n=1)

    for process in children():
        process.kill()
    assert (await chat(gateway, temperature=0))[0]["message"]["content"] == text
    assert len(children()) == 1


async def test_a_model_without_a_template_and_one_at_a_time(gateway, models):
    body = {"model": str(models / "goes-on"), "prompt": "the cat", "max_tokens": 5}
    status, answer = await gateway.json("POST", "/v1/completions", json=body)
    assert (status, answer["usage"]["completion_tokens"]) == (200, 5)
    assert (await chat(gateway, model=str(models / "goes-on")))[1]["completion_tokens"] == 12
    assert len(children()) == 1
    await gateway.json("POST", "/models/unload", json={"model_id": body["model"]})
    assert children() == []


async def test_a_model_comes_from_the_hub_by_its_own_library(start_gateway, models):
    async with Hub({"org/talks": models / "talks"}) as hub:
        gateway = await start_gateway(
            **os.environ,
            OLLAMA_HOST="none",
            HF_MODELS="org/*",
            HF_ENDPOINT=hub.url,
            TRANSFORMERS_PYTHON=str(PYTHON),
        )
        body = {"model": "org/none", "messages": [{"role": "user", "content": "hi"}]}
        status, answer = await gateway.json("POST", "/v1/chat/completions", json=body)
        assert (status, answer["error"]["code"]) == (404, "model_not_found")
        assert (await chat(gateway, model="org/talks"))[0]["message"]["content"]
    assert "model.safetensors" in hub.asked
    events = [line.get("event") for line in gateway.lines()]
    assert events.index("download_finished") < events.index("child_ready")
