"""Bad bodies of /v1/responses: each is a 400 that names the field."""

from typing import Any

import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields
from _llamagate.wires.responses.request import parse_request

TOOL = {"type": "function", "name": "f", "parameters": {}}
CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "1"}


class Nothing:
    """Nothing is kept of earlier responses."""

    def conversation(self, response_id: str) -> list[Fields] | None:
        return None

    def item(self, item_id: str) -> Fields | None:
        return None


def part(**fields: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [fields]}]}


IN_PART = "input[0].content[0]"
BAD: list[tuple[dict[str, Any], str]] = [
    ({"input": None}, "input"),
    ({"input": []}, "input"),
    ({"input": 5}, "input"),
    ({"input": {"role": "user"}}, "input"),
    ({"input": ["Hi"]}, "input[0]"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "robot", "content": "Hi"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": None}]}, "input[0].content"),
    ({"input": [{"type": "message", "content": "Hi"}]}, "input[0].role"),
    ({"input": [{"type": "computer_call", "id": "a"}]}, "input[0].type"),
    ({"input": [{"type": 5, "id": "a"}]}, "input[0].type"),
    ({"input": [{"type": "item_reference", "id": "msg_gone"}]}, "input[0].id"),
    ({"input": [{"type": "item_reference"}]}, "input[0].id"),
    ({"input": [{"id": "msg_gone"}]}, "input[0].id"),
    ({"input": [{}]}, "input[0].id"),
    (part(type="input_text"), f"{IN_PART}.text"),
    (part(type="text", text="Hi"), f"{IN_PART}.type"),
    (part(text="Hi"), f"{IN_PART}.type"),
    (part(type="input_image", image_url="http://127.0.0.1/a.png"), f"{IN_PART}.image_url"),
    (part(type="input_image", image_url="data:image/png,hi"), f"{IN_PART}.image_url"),
    (part(type="input_image", file_id="file_1"), f"{IN_PART}.type"),
    (part(type="input_image"), f"{IN_PART}.type"),
    (part(type="input_file", file_data="aGk="), f"{IN_PART}.type"),
    (part(type="input_audio", input_audio={}), f"{IN_PART}.input_audio.data"),
    ({"input": [CALL | {"arguments": "[1]"}]}, "input[0].arguments"),
    ({"input": [CALL | {"arguments": {}}]}, "input[0].arguments"),
    ({"input": [{"type": "function_call", "call_id": "a", "arguments": "{}"}]}, "input[0].name"),
    ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
    ({"input": [OUTPUT]}, "input[0].call_id"),
    ({"input": [CALL, OUTPUT | {"call_id": "b"}]}, "input[1].call_id"),
    ({"input": [CALL, {"type": "function_call_output", "call_id": "a"}]}, "input[1].output"),
    ({"input": [CALL, OUTPUT | {"output": [{"type": "input_file"}]}]}, "input[1].output[0].type"),
    ({"instructions": 5}, "instructions"),
    ({"previous_response_id": "resp_gone"}, "previous_response_id"),
    ({"previous_response_id": 5}, "previous_response_id"),
    ({"background": True}, "background"),
    ({"background": "yes"}, "background"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"store": "no"}, "store"),
    ({"stream": 1}, "stream"),
    ({"include": "all"}, "include"),
    ({"include": ["everything"]}, "include[0]"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"max_output_tokens": "many"}, "max_output_tokens"),
    ({"max_tool_calls": 0}, "max_tool_calls"),
    ({"temperature": 2.5}, "temperature"),
    ({"top_p": -1}, "top_p"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"truncation": "middle"}, "truncation"),
    ({"metadata": {"a": 1}}, "metadata"),
    ({"model": []}, "model"),
    ({"reasoning": {"effort": "extreme"}}, "reasoning.effort"),
    ({"text": {"verbosity": "mute"}}, "text.verbosity"),
    ({"text": {"format": "json"}}, "text.format"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
    ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
    ({"tools": TOOL}, "tools"),
    ({"tools": [{"name": "f"}]}, "tools[0].type"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [TOOL, {"type": "code_interpreter"}]}, "tools[1].type"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
    ({"tools": [TOOL | {"parameters": "{}"}]}, "tools[0].parameters"),
    ({"tools": [{"type": "custom", "name": "f"}]}, "tools[0].type"),
    ({"tools": [{"type": "namespace"}]}, "tools[0].type"),
    (
        {"tools": [{"type": "namespace", "name": "a", "tools": [{"type": "custom"}]}]},
        "tools[0].tools[0].type",
    ),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": ["f"]}},
        "tool_choice.tools[0]",
    ),
    ({"Input": "Hi"}, "Input"),
]


@pytest.mark.parametrize(("fields", "param"), BAD, ids=str)
def test_a_bad_body_is_refused_by_the_name_of_its_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_request({"model": "m", "input": "Hi"} | fields, Nothing())
    assert refused.value.param == param


@pytest.mark.parametrize("kind", ["web_search", "file_search", "code_interpreter", "mcp"])
def test_the_refusal_of_a_built_in_tool_names_it(kind: str) -> None:
    with pytest.raises(InvalidRequest, match=kind):
        parse_request({"input": "Hi", "tools": [{"type": kind}]}, Nothing())
