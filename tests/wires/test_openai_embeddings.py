"""Embeddings in OpenAI's words: inputs, and vectors as numbers or as base64."""

import base64
import struct
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Embed, Embedded, Usage
from _llamagate.wires.openai.embeddings import AskedEmbeddings, parse_embeddings, render_embeddings


def asked(given: Any = "Hello", **more: Any) -> AskedEmbeddings:
    return parse_embeddings({"input": given, **more})


def answer(request: AskedEmbeddings, *vectors: list[float]) -> dict[str, Any]:
    embedded = Embedded(list(vectors), Usage(prompt=5))
    found: dict[str, Any] = orjson.loads(render_embeddings(request, embedded, "m"))
    return found


def test_every_field_arrives() -> None:
    request = asked(
        ["a", "b"], model="e", dimensions=8, keep_alive="5m", truncate=False, options={"num_ctx": 9}
    )
    assert request.embed == Embed(
        model="e",
        inputs=("a", "b"),
        dimensions=8,
        truncate=False,
        keep_alive="5m",
        options={"num_ctx": 9},
    )
    assert asked(user="ada").person == "ada"
    assert asked(task="query").embed.extra == {"task": "query"}


def test_a_string_is_one_input() -> None:
    assert asked("Hello").embed.inputs == ("Hello",)


@pytest.mark.parametrize(
    "given", [None, "", [], [""], ["a", ""], [1, 2], [[1], [2]], ["a"] * 2049, {"a": 1}, 5]
)
def test_an_input_that_is_no_text_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(given)
    assert (caught.value.param or "").startswith("input")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "8"}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"Input": "x"}, "Input"),
        ({"model": 5}, "model"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        asked(**more)
    assert caught.value.param == param


def test_fields_that_say_nothing_are_never_refused() -> None:
    names = ("dimensions", "encoding_format", "user", "keep_alive", "options", "truncate", "model")
    assert asked(**dict.fromkeys(names)) == asked()


def test_an_answer_has_every_field_that_openai_has() -> None:
    assert answer(asked(["a", "b"]), [0.5, 1.0], [0.25, 0.0]) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, 1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.25, 0.0]},
        ],
        "model": "m",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }


def test_the_answer_names_the_model_as_it_was_asked_for() -> None:
    assert answer(asked(model="Nomic-Embed-Text"), [1.0])["model"] == "Nomic-Embed-Text"


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_base64_holds_the_same_numbers(vector: list[float]) -> None:
    (one,) = answer(asked(encoding_format="base64"), vector)["data"]
    found = struct.unpack(f"<{len(vector)}f", base64.b64decode(one["embedding"]))
    assert list(found) == vector
