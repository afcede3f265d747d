"""The official `anthropic` package against a gateway with the demo engine."""

import base64
import os

import anthropic
import pydantic
import pytest

MODEL = "demo-fast"
HI = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "name": "get_weather",
    "description": "Current weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


@pytest.fixture
def client():
    with anthropic.Anthropic(
        base_url=os.environ["BASE_URL"], api_key=os.environ["API_KEY"], max_retries=0
    ) as found:
        yield found


def test_a_plain_message(client):
    message = client.messages.create(model=MODEL, max_tokens=200, messages=HI)
    assert message.content[0].type == "text"
    assert "demo" in message.content[0].text
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0


def test_a_streamed_message(client):
    with client.messages.stream(model=MODEL, max_tokens=200, messages=HI) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.content[0].text == text
    assert final.usage.output_tokens > 0


def test_the_limit(client):
    message = client.messages.create(model=MODEL, max_tokens=3, messages=HI)
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens < 6


@pytest.mark.parametrize("streamed", [False, True])
def test_a_round_of_tools(client, streamed):
    asked = {"model": MODEL, "max_tokens": 200, "tools": [WEATHER]}
    messages = [{"role": "user", "content": "Weather in Paris?"}]
    if streamed:
        with client.messages.stream(**asked, messages=messages) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**asked, messages=messages)
    assert message.stop_reason == "tool_use"
    use = next(block for block in message.content if block.type == "tool_use")
    assert use.name == "get_weather"
    assert isinstance(use.input["city"], str)
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "18 degrees"}
    messages += [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    message = client.messages.create(**asked, messages=messages)
    assert "18 degrees" in message.content[0].text
    assert "get_weather" in message.content[0].text


def test_a_call_that_must_be_made(client):
    message = client.messages.create(
        model=MODEL,
        max_tokens=200,
        messages=HI,
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
    )
    assert message.content[0].name == "get_weather"


@pytest.mark.parametrize("streamed", [False, True])
def test_thinking(client, streamed):
    asked = {
        "model": MODEL,
        "max_tokens": 2000,
        "messages": HI,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    if streamed:
        with client.messages.stream(**asked) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**asked)
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].signature
    history = [*HI, {"role": "assistant", "content": message.content}, *HI]
    assert client.messages.create(**(asked | {"messages": history})).content


def test_a_picture(client):
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    source = {"type": "base64", "media_type": "image/png", "data": data}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    message = client.messages.create(
        model=MODEL, max_tokens=200, messages=[{"role": "user", "content": content}]
    )
    assert "1 picture" in message.content[0].text


class City(pydantic.BaseModel):
    name: str
    people: int


def test_structured_output(client):
    message = client.messages.parse(model=MODEL, max_tokens=200, messages=HI, output_format=City)
    assert isinstance(message.parsed_output, City)


def test_the_beta_client(client):
    message = client.beta.messages.create(
        model=MODEL, max_tokens=200, messages=HI, betas=["interleaved-thinking-2025-05-14"]
    )
    assert message.content[0].type == "text"


def test_counting(client):
    counted = client.messages.count_tokens(model=MODEL, messages=HI, tools=[WEATHER])
    assert counted.input_tokens > 0


def test_models(client):
    found = [model.id for model in client.models.list(limit=2)]
    assert "demo-fast:latest" in found
    assert client.models.retrieve("demo-fast").id == "demo-fast:latest"


def test_errors_are_of_their_classes(client):
    with pytest.raises(anthropic.NotFoundError) as gone:
        client.messages.create(model="gone", max_tokens=1, messages=HI)
    assert gone.value.type == "not_found_error"
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model=MODEL, max_tokens=0, messages=HI)
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="wrong").messages.create(model=MODEL, max_tokens=1, messages=HI)


async def test_the_asynchronous_client():
    async with (
        anthropic.AsyncAnthropic(
            base_url=os.environ["BASE_URL"], api_key=os.environ["API_KEY"]
        ) as client,
        client.messages.stream(model=MODEL, max_tokens=200, messages=HI) as stream,
    ):
        assert "demo" in await stream.get_final_text()
