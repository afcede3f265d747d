"""Schemas of tools in the words that Ollama keeps: nothing that can be said is lost."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.wires.schemas import plain_schema

PLACE = {"type": "object", "properties": {"city": {"type": "string"}}}


def prop(schema: Any, **beside: Any) -> Any:
    """What becomes of one property."""
    wanted = {"type": "object", "properties": {"x": schema}, **beside}
    return plain_schema(wanted)["properties"]["x"]


def test_a_plain_schema_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Where", "enum": ["a"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    assert plain_schema(schema) == schema


def test_no_schema_is_an_object_without_properties() -> None:
    assert plain_schema({}) == {"type": "object", "properties": {}}
    assert plain_schema({"required": []}) == {"required": [], "type": "object", "properties": {}}


def test_a_reference_is_replaced_by_what_it_refers_to() -> None:
    assert prop({"$ref": "#/$defs/Place"}, **{"$defs": {"Place": PLACE}}) == PLACE
    assert prop({"$ref": "#/definitions/Place"}, definitions={"Place": PLACE}) == PLACE
    odd = {"a/b~c": PLACE}
    assert prop({"$ref": "#/$defs/a~1b~0c"}, **{"$defs": odd}) == PLACE


def test_what_stands_beside_a_reference_wins() -> None:
    found = prop({"$ref": "#/$defs/P", "description": "Home"}, **{"$defs": {"P": PLACE}})
    assert found == {**PLACE, "description": "Home"}


def test_definitions_are_gone_once_they_are_inlined() -> None:
    found = plain_schema({"type": "object", "$defs": {"P": PLACE}, "properties": {}})
    assert "$defs" not in found


def test_the_whole_schema_may_be_a_reference() -> None:
    assert plain_schema({"$ref": "#/$defs/P", "$defs": {"P": PLACE}}) == PLACE


def test_a_reference_to_nothing_is_still_something() -> None:
    for reference in ("#/$defs/None", "https://example.com/schema.json", "#/type", "x"):
        assert prop({"$ref": reference, "description": "?"}) == {
            "type": "object",
            "description": "?",
        }


def test_a_schema_that_contains_itself_is_unrolled_for_a_while() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/Tree"}, "right": {"$ref": "#/$defs/Tree"}},
    }
    found = plain_schema({"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}})
    inner = found["properties"]["left"]["properties"]["right"]
    assert inner == {"type": "object"}
    assert "$ref" not in orjson.dumps(found).decode()


def test_references_that_fan_out_do_not_become_a_flood() -> None:
    everything = {f"p{n}": {"$ref": f"#/$defs/D{n}"} for n in range(30)}
    definitions = {f"D{n}": {"type": "object", "properties": everything} for n in range(30)}
    found = plain_schema({"type": "object", "properties": everything, "$defs": definitions})
    assert len(orjson.dumps(found)) < 2_000_000


def test_a_long_chain_of_references_ends_without_a_fault() -> None:
    chain = {f"D{n}": {"properties": {"x": {"$ref": f"#/$defs/D{n + 1}"}}} for n in range(500)}
    found = plain_schema({"properties": {"x": {"$ref": "#/$defs/D0"}}, "$defs": chain})
    assert found["properties"]["x"]["properties"]["x"]


def test_one_of_is_any_of() -> None:
    choices = [{"type": "string"}, {"$ref": "#/$defs/P"}]
    assert prop({"oneOf": choices}, **{"$defs": {"P": PLACE}}) == {
        "anyOf": [{"type": "string"}, PLACE]
    }


def test_const_is_an_enum_of_one() -> None:
    assert prop({"const": "celsius"}) == {"enum": ["celsius"]}
    assert prop({"const": None}) == {"enum": [None]}


def test_all_of_is_merged() -> None:
    parts = [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"$ref": "#/$defs/P"},
        {"properties": {"b": {"type": "integer"}}, "required": ["a", "b"]},
    ]
    assert prop({"allOf": parts, "description": "Both"}, **{"$defs": {"P": PLACE}}) == {
        "description": "Both",
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "city": {"type": "string"},
            "b": {"type": "integer"},
        },
        "required": ["a", "b"],
    }


def test_a_type_that_is_a_list_is_an_error_at_the_top_only() -> None:
    assert plain_schema({"type": ["null", "object"], "properties": {}})["type"] == "object"
    assert plain_schema({"type": ["null"], "properties": {}})["type"] == "object"
    assert prop({"type": ["string", "null"]}) == {"type": ["string", "null"]}


def test_a_boolean_allows_anything() -> None:
    assert prop(True) == {}


def test_data_is_not_taken_for_a_schema() -> None:
    data = {"enum": [{"$ref": "#/x"}], "default": {"oneOf": 1}, "examples": [{"const": 1}]}
    assert prop(data) == data


def test_words_of_the_schema_language_may_be_names_of_properties() -> None:
    properties = {"oneOf": {"type": "string"}, "$ref": {"type": "string"}, "const": {"enum": [1]}}
    assert plain_schema({"type": "object", "properties": properties})["properties"] == properties


_keys = st.sampled_from(
    ["type", "properties", "items", "$ref", "oneOf", "anyOf", "allOf", "const", "enum", "required"]
    + ["$defs", "description", "x", "additionalProperties"]
)
_values = st.recursive(
    st.sampled_from(["#", "#/$defs/x", "#/properties/x", "string", "object", True, None, 5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_keys, _values, max_size=5))
def test_whatever_a_client_sends_is_an_object_that_ollama_takes(schema: dict[str, Any]) -> None:
    found = plain_schema(schema)
    assert not isinstance(found["type"], list)
    assert orjson.dumps(found)
