"""Bad bodies of /v1/messages: each is a 400 that names the field."""

from typing import Any

import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.wires.anthropic.errors import render_error
from _llamagate.wires.anthropic.request import parse_request

HI = [{"role": "user", "content": "Hi"}]
TOOL = {"name": "f", "input_schema": {"type": "object"}}
GOOD: dict[str, Any] = {"model": "m", "max_tokens": 10, "messages": HI}
LEFT_OUT = object()


def block(*blocks: Any, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": list(blocks)}]}


def image(**source: Any) -> dict[str, Any]:
    return block({"type": "image", "source": source})


def document(**source: Any) -> dict[str, Any]:
    return block({"type": "document", "source": source})


IN_BLOCK = "messages[0].content[0]"
BAD: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": LEFT_OUT}, "max_tokens"),
    ({"max_tokens": None}, "max_tokens"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": "10"}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"messages": LEFT_OUT}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": ["Hi"]}, "messages[0]"),
    ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "tool", "content": "Hi"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ({"messages": [*HI, {"role": "assistant", "content": {}}]}, "messages[1].content"),
    (block("Hi"), IN_BLOCK),
    (block({"text": "Hi"}), f"{IN_BLOCK}.type"),
    (block({"type": "video"}), f"{IN_BLOCK}.type"),
    (block({"type": "text"}), f"{IN_BLOCK}.text"),
    (block({"type": "text", "text": 5}), f"{IN_BLOCK}.text"),
    (block({"type": "server_tool_use", "id": "a", "name": "web_search"}), f"{IN_BLOCK}.type"),
    (block({"type": "tool_use", "id": "a", "name": "f", "input": {}}), f"{IN_BLOCK}.type"),
    (block({"type": "thinking", "thinking": "Hm."}), f"{IN_BLOCK}.type"),
    (block({"type": "tool_use", "name": "f", "input": {}}, role="assistant"), f"{IN_BLOCK}.id"),
    (block({"type": "tool_use", "id": "a", "input": {}}, role="assistant"), f"{IN_BLOCK}.name"),
    (
        block({"type": "tool_use", "id": "a", "name": "f", "input": "{}"}, role="assistant"),
        f"{IN_BLOCK}.input",
    ),
    (block({"type": "tool_result", "content": "1"}), f"{IN_BLOCK}.tool_use_id"),
    (block({"type": "tool_result", "tool_use_id": "gone"}), f"{IN_BLOCK}.tool_use_id"),
    (block({"type": "tool_result", "tool_use_id": "a"}, role="assistant"), f"{IN_BLOCK}.type"),
    (
        block({"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_result"}]}),
        f"{IN_BLOCK}.content[0].type",
    ),
    (image(type="url", url="http://127.0.0.1/a.png"), f"{IN_BLOCK}.source.type"),
    (image(type="file", file_id="file_1"), f"{IN_BLOCK}.source.type"),
    (image(type="base64", media_type="image/png"), f"{IN_BLOCK}.source.data"),
    (image(type="base64", media_type="image/png", data=""), f"{IN_BLOCK}.source.data"),
    (
        image(type="base64", media_type="image/png", data="data:image/png;base64,aGk="),
        f"{IN_BLOCK}.source.data",
    ),
    (image(type="base64", media_type="text/plain", data="aGk="), f"{IN_BLOCK}.source.media_type"),
    (document(type="base64", media_type="application/pdf", data="aGk="), f"{IN_BLOCK}.source.type"),
    (document(type="url", url="http://a"), f"{IN_BLOCK}.source.type"),
    (document(type="text", media_type="text/plain"), f"{IN_BLOCK}.source.data"),
    ({"system": 5}, "system"),
    ({"system": [{"type": "image"}]}, "system[0].type"),
    ({"temperature": 1.5}, "temperature"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": 2}, "top_p"),
    ({"top_k": -1}, "top_k"),
    ({"top_k": 1.5}, "top_k"),
    ({"stop_sequences": "END"}, "stop_sequences"),
    ({"stop_sequences": [1]}, "stop_sequences[0]"),
    ({"stream": "yes"}, "stream"),
    ({"model": 5}, "model"),
    ({"metadata": "u"}, "metadata"),
    ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ({"thinking": {"type": "sometimes"}}, "thinking.type"),
    ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    ({"thinking": {"type": "enabled", "budget_tokens": 0}}, "thinking.budget_tokens"),
    ({"output_config": {"effort": "extreme"}}, "output_config.effort"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ({"output_format": {"type": "xml", "schema": {}}}, "output_format.type"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
    ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
    ({"tools": [{"name": "f", "input_schema": "{}"}]}, "tools[0].input_schema"),
    ({"tools": [TOOL, TOOL]}, "tools[1].name"),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
    ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
    ({"tool_choice": "any"}, "tool_choice"),
    ({"tool_choice": {"type": "any"}}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": {"type": "must"}}, "tool_choice.type"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool"}}, "tool_choice.name"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice.name"),
    ({"mcp_servers": [{"type": "url", "url": "http://a", "name": "a"}]}, "mcp_servers"),
    ({"Max_Tokens": 5}, "Max_Tokens"),
]


@pytest.mark.parametrize(("fields", "param"), BAD, ids=str)
def test_a_bad_body_is_refused_by_the_name_of_its_field(fields: dict[str, Any], param: str) -> None:
    body = {name: value for name, value in (GOOD | fields).items() if value is not LEFT_OUT}
    with pytest.raises(InvalidRequest) as refused:
        parse_request(body)
    assert refused.value.param == param
    assert param in render_error(refused.value, "r-1")["error"]["message"]


def test_the_refusal_of_a_server_tool_names_it() -> None:
    with pytest.raises(InvalidRequest, match="web_search_20250305"):
        parse_request(GOOD | {"tools": [{"type": "web_search_20250305", "name": "web_search"}]})
