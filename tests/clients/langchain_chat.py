"""LangChain's package for OpenAI against a gateway with the demo engine."""

import os

import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

HERE = {
    "base_url": os.environ["BASE_URL"] + "/v1",
    "api_key": os.environ["API_KEY"],
    "max_retries": 0,
}


@tool
def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"18 degrees in {city}"


@pytest.fixture
def chat():
    return ChatOpenAI(model="demo-fast", stream_usage=True, **HERE)


def test_a_chat_as_the_llamagate_document_has_it():
    llm = ChatOpenAI(
        model="demo-fast", openai_api_base=HERE["base_url"], openai_api_key=HERE["api_key"]
    )
    assert "demo" in llm.invoke("Hello, how are you?").content


def test_a_bounded_chat(chat):
    """The package sends `max_completion_tokens`."""
    answer = chat.bind(max_tokens=4).invoke("Hello")
    assert answer.response_metadata["finish_reason"] == "length"
    assert len(answer.content.split()) <= 4


async def test_a_stream(chat):
    chunks = [chunk async for chunk in chat.astream("Hello")]
    assert "demo" in "".join(chunk.content for chunk in chunks)
    assert sum(chunk.usage_metadata["output_tokens"] for chunk in chunks if chunk.usage_metadata)


def test_tools(chat):
    (call,) = chat.bind_tools([get_weather]).invoke("Weather in Paris?").tool_calls
    assert call["name"] == "get_weather"
    assert get_weather.invoke(call).content.startswith("18 degrees")


class City(BaseModel):
    """A city."""

    name: str
    people: int


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_a_typed_answer(chat, method):
    assert isinstance(chat.with_structured_output(City, method=method).invoke("Which?"), City)


def test_embeddings():
    embeddings = OpenAIEmbeddings(
        model="demo-embed",
        check_embedding_ctx_length=False,  # else it sends tokens of OpenAI's own models
        **HERE,
    )
    assert len(embeddings.embed_documents(["a", "b"])) == 2
