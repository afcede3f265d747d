"""The LlamaGate document: its programs in Python."""

import os
from functools import partial

from document_programs import said

run = partial(said, "llamagate", os.environ["BASE_URL"], {"sk-llamagate": os.environ["API_KEY"]})


def test_openais_library():
    assert "demo" in run("python: OpenAI's library")


def test_langchain():
    assert "demo" in run("python: LangChain")
