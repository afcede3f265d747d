"""The official `openai` package, 2.x and 3.x, against a gateway with the demo engine."""

import importlib.util
import json
import os
import typing
from pathlib import Path

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat.completion_create_params import CompletionCreateParams
from pydantic import BaseModel

MODEL = "demo-fast"
HERE = {
    "base_url": os.environ["BASE_URL"] + "/v1",
    "api_key": os.environ["API_KEY"],
    "max_retries": 0,
}
HI = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.fixture
def client():
    with OpenAI(**HERE) as client:
        yield client


def test_every_parameter_of_the_package_has_its_row_in_the_table():
    package = Path(__file__).parents[2] / "_llamagate"
    spec = importlib.util.spec_from_file_location("table", package / "wires/openai/parameters.py")
    table = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(table)
    known = {name for form in typing.get_args(CompletionCreateParams) for name in _keys(form)}
    assert known >= {"messages", "model", "temperature"}
    assert known - table.CHAT_NAMES == set()


def _keys(form):
    return form.__required_keys__ | form.__optional_keys__


def test_the_models(client):
    names = [model.id for model in client.models.list()]
    assert "demo:latest" in names
    assert client.models.retrieve(names[0]).id == names[0]


def test_a_plain_chat(client):
    answer = client.chat.completions.create(model=MODEL, messages=HI)
    assert "demo" in answer.choices[0].message.content
    assert (answer.model, answer.choices[0].finish_reason) == (MODEL, "stop")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_chat_with_usage(client):
    stream = client.chat.completions.create(
        model=MODEL, messages=HI, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "demo" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.choices == []
    assert last.usage.completion_tokens > 0


async def test_an_asynchronous_stream():
    async with AsyncOpenAI(**HERE) as client:
        stream = await client.chat.completions.create(model=MODEL, messages=HI, stream=True)
        text = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "demo" in "".join(text)


def test_several_answers(client):
    answer = client.chat.completions.create(model=MODEL, messages=HI, n=3, max_tokens=4)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert {choice.finish_reason for choice in answer.choices} == {"length"}
    one = client.chat.completions.create(model=MODEL, messages=HI, max_tokens=4)
    assert answer.usage.completion_tokens == 3 * one.usage.completion_tokens
    assert answer.usage.prompt_tokens == one.usage.prompt_tokens


def test_a_round_of_tools(client):
    messages = [{"role": "user", "content": "Weather in Paris?"}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls
    assert call.id.startswith("call_")
    assert "city" in json.loads(call.function.arguments)
    result = {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"}
    messages += [first.choices[0].message, result]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content


def test_streamed_tools_as_the_package_gathers_them(client):
    with client.chat.completions.stream(
        model=MODEL, messages=[{"role": "user", "content": "Weather?"}], tools=[WEATHER]
    ) as stream:
        done = stream.get_final_completion()
    (call,) = done.choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments)


class City(BaseModel):
    name: str
    people: int
    rivers: list[str]


def test_a_typed_answer(client):
    answer = client.chat.completions.parse(model=MODEL, messages=HI, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


class Country(BaseModel):
    capital: City
    others: list[City]
    motto: str | None


def test_a_typed_answer_of_types_within_types(client):
    """Its schema refers to itself by `$ref`, and says null by `anyOf`."""
    answer = client.chat.completions.parse(model=MODEL, messages=HI, response_format=Country)
    assert isinstance(answer.choices[0].message.parsed.capital, City)


def test_typed_arguments_of_a_call(client):
    tools = [openai.pydantic_function_tool(Country, name="save")]
    answer = client.chat.completions.parse(model=MODEL, messages=HI, tools=tools)
    (call,) = answer.choices[0].message.tool_calls
    assert isinstance(call.function.parsed_arguments, Country)


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_call_that_must_be_made(client, choice):
    asked = {"model": MODEL, "messages": HI, "tools": [WEATHER], "tool_choice": choice}
    (call,) = client.chat.completions.create(**asked).choices[0].message.tool_calls
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)


def test_a_completion(client):
    answer = client.completions.create(model=MODEL, prompt=["One", "Two"], max_tokens=3)
    assert [choice.index for choice in answer.choices] == [0, 1]
    stream = client.completions.create(model=MODEL, prompt="One", stream=True)
    assert "demo" in "".join(chunk.choices[0].text for chunk in stream)


def test_embeddings(client):
    """The package asks for base64 and unpacks it; asked for numbers it gets the same."""
    packed = client.embeddings.create(model="demo-embed", input=["a", "b"]).data
    plain = client.embeddings.create(model="demo-embed", input=["a", "b"], encoding_format="float")
    assert len(packed) == 2
    assert packed[0].embedding == pytest.approx(plain.data[0].embedding, rel=1e-6)


def test_errors_are_the_packages_own(client):
    with pytest.raises(openai.NotFoundError) as absent:
        client.chat.completions.create(model="no-such-model", messages=HI)
    assert absent.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=MODEL, messages=HI, temperature="hot")
    assert wrong.value.param == "temperature"
    assert wrong.value.request_id
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk-wrong").models.list()


def test_raw_answers_carry_the_headers_that_the_package_reads(client):
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=HI)
    assert raw.headers["x-request-id"] == raw.request_id
    assert int(raw.headers["x-ratelimit-limit-requests"]) > 0


def test_a_client_that_leaves_a_stream_can_ask_again(client):
    for _ in range(5):
        stream = client.chat.completions.create(model=MODEL, messages=HI, stream=True)
        next(iter(stream))
        stream.close()
    assert client.chat.completions.create(model=MODEL, messages=HI).choices
