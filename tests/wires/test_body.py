"""Bodies as clients send them: what is no JSON, and which field is wrong."""

import base64
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.wires.body import check, check_base64, parse_object, said, unknown_keys


class _Inner(Struct):
    name: str
    kind: Literal["a", "b"] = "a"


class _Shape(Struct):
    items: list[_Inner]
    count: Annotated[int, Meta(ge=1)] | None = None
    table: dict[str, float] | None = None


def refusal(body: bytes | dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse_object(body) if isinstance(body, bytes) else check(body, _Shape)
    return caught.value


def test_an_object_is_read() -> None:
    assert parse_object(b' {"a": [1, {"b": null}], "\\u0000": "\\u0000"} ') == {
        "a": [1, {"b": None}],
        "\0": "\0",
    }


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "no valid JSON at line 1, column 2"),
        (b'{"a":1}{"b":2}', "no valid JSON"),
        (b'{"a":1,}', "no valid JSON"),
        (b"{'a':1}", "no valid JSON"),
        (b'{"a":NaN}', "no valid JSON"),
        (b'{"a":Infinity}', "no valid JSON"),
        (b'{"a":"\x00"}', "no valid JSON"),
        (b'{"a":"\xff"}', "no valid JSON"),
        (b'{"a":"\\ud800"}', "no valid JSON"),
        (b'\xef\xbb\xbf{"a":1}', "no valid JSON"),
        (b"[" * 100_000, "no valid JSON"),
        (b"[1]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "more than 100 levels"),
        (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "more than 100 levels"),
    ],
)
def test_what_is_no_object_is_refused(body: bytes, says: str) -> None:
    assert says in refusal(body).message


def test_many_brackets_are_not_many_levels() -> None:
    assert len(parse_object(b'{"a":[' + b"{}," * 500 + b'"' + b"[" * 500 + b'"]}')["a"]) == 501
    assert parse_object(b'{"a":' * 100 + b"1" + b"}" * 100)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "items"),
        ({"items": None}, "items"),
        ({"items": {}}, "items"),
        ({"items": ["x"]}, "items[0]"),
        ({"items": [{"name": "x"}, {}]}, "items[1].name"),
        ({"items": [{"name": "x", "kind": "c"}]}, "items[0].kind"),
        ({"items": [], "count": 0}, "count"),
        ({"items": [], "count": "1"}, "count"),
        ({"items": [], "count": True}, "count"),
        ({"items": [], "table": {"a": "b"}}, "table"),
    ],
)
def test_the_field_that_is_wrong_is_named(body: dict[str, Any], param: str) -> None:
    error = refusal(body)
    assert error.param == param
    assert param in error.message


def test_a_field_that_says_nothing_is_left_out() -> None:
    body = {"a": None, "b": "", "c": [], "d": {}, "e": 0, "f": False, "g": "x", "h": ""}
    assert said(body, ("h",)) == {"e": 0, "f": False, "g": "x", "h": ""}


def test_a_key_in_another_case_is_no_unknown_key() -> None:
    assert unknown_keys({"model": 1, "other": 2}, {"model"}) == {"other": 2}
    for key in ("MODEL", "Model", "mODEL"):
        with pytest.raises(InvalidRequest, match="did you mean 'model'") as caught:
            unknown_keys({key: 1}, {"model"})
        assert caught.value.param == key


@given(st.binary(max_size=64))
def test_the_base64_of_anything_is_valid(data: bytes) -> None:
    if data:
        check_base64(base64.b64encode(data).decode(), "image")


@pytest.mark.parametrize("data", ["", "a", "ab=", "a===", "====", "ab=c", "a b=", "a-_=", "é" * 4])
def test_what_is_no_base64_is_refused(data: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_base64(data, "image")
    assert caught.value.param == "image"
