"""LangChain's package for Ollama against a gateway with the demo engine."""

import os

import pytest
from langchain_core.tools import tool
from langchain_ollama import ChatOllama, OllamaEmbeddings, OllamaLLM

MODEL = "demo-fast"
HERE = {
    "base_url": os.environ["BASE_URL"],
    "client_kwargs": {"headers": {"Authorization": f"Bearer {os.environ['API_KEY']}"}},
}


@tool
def get_weather(city: str) -> str:
    """Current weather of a city."""
    return f"18 degrees in {city}"


@pytest.fixture
def chat():
    return ChatOllama(model=MODEL, validate_model_on_init=True, **HERE)


def test_a_chat(chat):
    answer = chat.invoke("Hello")
    assert "demo" in answer.content
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["done_reason"] == "stop"


def test_a_stream(chat):
    assert "demo" in "".join(chunk.content for chunk in chat.stream("Hello"))


async def test_an_asynchronous_stream(chat):
    assert "demo" in "".join([chunk.content async for chunk in chat.astream("Hello")])


def test_tools(chat):
    (call,) = chat.bind_tools([get_weather]).invoke("Weather in Paris?").tool_calls
    assert call["name"] == "get_weather"
    assert call["id"]
    assert get_weather.invoke(call).content.startswith("18 degrees")


def test_thinking():
    answer = ChatOllama(model=MODEL, reasoning=True, **HERE).invoke("Hello")
    assert answer.additional_kwargs["reasoning_content"]


def test_a_completion():
    assert "demo" in OllamaLLM(model=MODEL, **HERE).invoke("Hello")


def test_embeddings():
    found = OllamaEmbeddings(model="demo-embed", **HERE).embed_documents(["a", "b"])
    assert len(found) == 2
