"""The arguments of a tool call, which may be anything that a model wrote."""

import pytest

from _llamagate.wires.arguments import parse_arguments


@pytest.mark.parametrize(("text", "found"), [("", {}), (" \n", {}), ('{"a": 1}', {"a": 1})])
def test_an_object_is_read_and_no_text_is_an_empty_one(text: str, found: object) -> None:
    assert parse_arguments(text) == found


@pytest.mark.parametrize("text", ["[]", '"a"', "1", "null", '{"a": ', "Paris"])
def test_what_is_no_object_is_none(text: str) -> None:
    assert parse_arguments(text) is None
