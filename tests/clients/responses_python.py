"""The Responses API of the official `openai` package against a gateway with the demo engine."""

import os

import openai
import pydantic
import pytest

MODEL = "demo-fast"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@pytest.fixture
def client():
    with openai.OpenAI(
        base_url=os.environ["BASE_URL"] + "/v1", api_key=os.environ["API_KEY"], max_retries=0
    ) as found:
        yield found


def test_a_plain_response(client):
    response = client.responses.create(model=MODEL, input="Hello")
    assert "demo" in response.output_text
    assert response.status == "completed"
    assert response.usage.total_tokens > 0


def test_a_streamed_response(client):
    with client.responses.stream(model=MODEL, input="Hello") as stream:
        text = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert final.output_text == text


def test_the_limit(client):
    response = client.responses.create(model=MODEL, input="Hello", max_output_tokens=3)
    assert response.status == "incomplete"
    assert response.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize("streamed", [False, True])
def test_a_round_of_functions(client, streamed):
    asked = {"model": MODEL, "tools": [WEATHER]}
    if streamed:
        with client.responses.stream(**asked, input="Weather in Paris?") as stream:
            response = stream.get_final_response()
    else:
        response = client.responses.create(**asked, input="Weather in Paris?")
    call = next(item for item in response.output if item.type == "function_call")
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "18 degrees"}
    kept = client.responses.create(**asked, previous_response_id=response.id, input=[output])
    assert "18 degrees" in kept.output_text
    history = [{"role": "user", "content": "Weather in Paris?"}, *response.output, output]
    sent = client.responses.create(**asked, input=history, store=False)
    assert "18 degrees" in sent.output_text


@pytest.mark.parametrize("streamed", [False, True])
def test_reasoning(client, streamed):
    asked = {"model": MODEL, "input": "Hello", "reasoning": {"effort": "low"}}
    if streamed:
        with client.responses.stream(**asked) as stream:
            response = stream.get_final_response()
    else:
        response = client.responses.create(**asked)
    assert response.output[0].type == "reasoning"
    assert "demo" in response.output[0].summary[0].text


class City(pydantic.BaseModel):
    name: str
    people: int


def test_structured_output(client):
    response = client.responses.parse(model=MODEL, input="A city", text_format=City)
    assert isinstance(response.output_parsed, City)


def test_a_conversation_is_kept(client):
    first = client.responses.create(model=MODEL, input="My name is Ann")
    second = client.responses.create(
        model=MODEL, input="What is my name?", previous_response_id=first.id
    )
    items = list(client.responses.input_items.list(second.id, order="asc"))
    assert [item.role for item in items] == ["user", "assistant", "user"]
    assert client.responses.retrieve(second.id).output_text == second.output_text
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


def test_built_in_tools_are_refused(client):
    with pytest.raises(openai.BadRequestError, match="web_search"):
        client.responses.create(model=MODEL, input="Hello", tools=[{"type": "web_search"}])


async def test_the_asynchronous_client():
    async with (
        openai.AsyncOpenAI(
            base_url=os.environ["BASE_URL"] + "/v1", api_key=os.environ["API_KEY"]
        ) as client,
        client.responses.stream(model=MODEL, input="Hello") as stream,
    ):
        assert "demo" in (await stream.get_final_response()).output_text
