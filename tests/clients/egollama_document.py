"""EgoLlama's document: its programs in Python, with the libraries of its day."""

import os
from functools import partial

from document_programs import said

KEYS = {"your-api-key": os.environ["API_KEY"]}
run = partial(said, "egollama", os.environ["EGOLLAMA_URL"], KEYS)


def test_text():
    assert "demo" in run("python: text")


def test_a_chat():
    assert "demo" in run("python: chat")


def test_a_streamed_chat_is_read_line_by_line():
    assert "demo" in run("python: streamed chat")


def test_an_error_is_caught_as_the_document_catches_it():
    asked = f"""
import requests
url, data = "{os.environ["EGOLLAMA_URL"]}/generate", {{"prompt": "Hello"}}
headers = {{"X-API-Key": "another-key"}}
"""
    assert run("python: errors", before=asked) == "HTTP Error: 401\n"
    assert run("python: errors", before=asked.replace("another-key", "your-api-key")) == ""


def test_openais_library():
    assert "demo" in run("python: OpenAI's library", then="print(response)")


def test_openais_library_streams():
    """The program with `stream=True`, for which the surface sends events, not lines."""
    streamed = """
for chunk in openai.ChatCompletion.create(
    model="mistral:7b", messages=[{"role": "user", "content": "Hello!"}], stream=True
):
    print(chunk.choices[0].delta.get("content", ""), end="")
"""
    assert "demo" in run("python: OpenAI's library", then=streamed)


def test_langchain():
    assert "demo" in run("python: LangChain", then="print(response)")
