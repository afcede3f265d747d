"""The official `ollama` package against a gateway with the demo engine."""

import base64
import os

import pytest
from ollama import AsyncClient, Client, ResponseError

MODEL = "demo-fast"
HI = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client(monkeypatch):
    """As its document has it: the address in the call, the key in the environment."""
    monkeypatch.setenv("OLLAMA_API_KEY", os.environ["API_KEY"])
    return Client(host=os.environ["BASE_URL"])


def get_weather(city: str) -> str:
    """Current weather of a city.

    Args:
      city: its name

    Returns:
      words
    """
    return f"18 degrees in {city}"


def test_a_plain_chat(client):
    answer = client.chat(model=MODEL, messages=HI)
    assert "demo" in answer.message.content
    assert (answer.model, answer.done, answer.done_reason) == (MODEL, True, "stop")
    assert answer.eval_count > 0
    assert answer.total_duration > 0


def test_a_streamed_chat(client):
    parts = list(client.chat(model=MODEL, messages=HI, stream=True))
    assert "demo" in "".join(part.message.content for part in parts)
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].eval_count > 0


def test_a_completion(client):
    answer = client.generate(model=MODEL, prompt="Hello", options={"num_predict": 3})
    assert answer.done_reason == "length"
    parts = list(client.generate(model=MODEL, prompt="Hello", stream=True))
    assert "demo" in "".join(part.response for part in parts)


@pytest.mark.parametrize("stream", [False, True])
def test_a_round_of_tools(client, stream):
    messages = [{"role": "user", "content": "Weather in Paris?"}]
    asked = {"model": MODEL, "tools": [get_weather], "stream": stream}
    answers = client.chat(**asked, messages=messages)
    found = list(answers) if stream else [answers]
    calls = [call for one in found for call in one.message.tool_calls or ()]
    (call,) = calls
    assert call.function.name == "get_weather"
    assert isinstance(call.function.arguments["city"], str)
    messages += [
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "tool_name": "get_weather", "content": get_weather("Paris")},
    ]
    last = client.chat(model=MODEL, messages=messages, tools=[get_weather])
    assert "18 degrees" in last.message.content


def test_thinking(client):
    answer = client.chat(model=MODEL, messages=HI, think=True)
    assert answer.message.thinking
    parts = list(client.chat(model=MODEL, messages=HI, think=True, stream=True))
    assert "".join(part.message.thinking or "" for part in parts)


def test_structured_output(client):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    answer = client.chat(model=MODEL, messages=HI, format=schema)
    assert '"city"' in answer.message.content


def test_a_picture(client):
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    messages = [{"role": "user", "content": "What is it?", "images": [picture]}]
    assert "1 picture" in client.chat(model=MODEL, messages=messages).message.content


def test_embeddings(client):
    found = client.embed(model="demo-embed", input=["a", "b"])
    assert len(found.embeddings) == 2
    assert len(client.embeddings(model="demo-embed", prompt="a").embedding) > 0


def test_models(client):
    names = [model.model for model in client.list().models]
    assert "demo-fast:latest" in names
    shown = client.show(MODEL)
    assert "completion" in shown.capabilities
    assert shown.modelinfo


def test_loading_and_unloading(client):
    assert client.generate(model=MODEL).done_reason == "load"
    assert "demo-fast:latest" in [model.model for model in client.ps().models]
    assert client.generate(model=MODEL, keep_alive=0).done_reason == "unload"
    assert "demo-fast:latest" not in [model.model for model in client.ps().models]


def test_errors(client):
    with pytest.raises(ResponseError) as gone:
        client.chat(model="gone", messages=HI)
    assert gone.value.status_code == 404
    assert "not found" in gone.value.error
    with pytest.raises(ResponseError) as gone:
        list(client.chat(model="gone", messages=HI, stream=True))
    assert gone.value.status_code == 404
    for forbidden in (lambda: client.pull("llama3"), lambda: client.delete(MODEL)):
        with pytest.raises(ResponseError) as refused:
            forbidden()
        assert refused.value.status_code == 403
    stranger = Client(host=os.environ["BASE_URL"], headers={"Authorization": "Bearer wrong"})
    with pytest.raises(ResponseError) as unknown:
        stranger.list()
    assert unknown.value.status_code == 401


def test_under_its_prefix(client):
    other = Client(host=os.environ["BASE_URL"] + "/ollama")
    assert other.chat(model=MODEL, messages=HI).message.content


async def test_the_asynchronous_client(client):
    other = AsyncClient(host=os.environ["BASE_URL"])
    text = ""
    async for part in await other.chat(model=MODEL, messages=HI, stream=True):
        text += part.message.content
    assert "demo" in text
