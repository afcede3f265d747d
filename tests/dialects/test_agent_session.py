"""A coding agent's session over Anthropic's API: long, full of tools, and thinking all the way."""

from typing import Any

import orjson

from tests.conftest import Running, StartGateway
from tests.dialects.events import read_events
from tests.fakes.ollama import Answer, Call, FakeOllama

NAMES = "Bash Read Write Edit Glob Grep Task TodoWrite WebFetch NotebookEdit BashOutput KillShell"
TOOLS = [
    {
        "name": name,
        "description": f"What {name} does, at length. " * 20,
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "The absolute path"},
                "mode": {"type": "string", "enum": ["content", "count"]},
                "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            },
            "required": ["path"],
            "additionalProperties": False,
        },
    }
    for name in NAMES.split()
]
CACHED = {"cache_control": {"type": "ephemeral"}}
SYSTEM = [
    {"type": "text", "text": "x-billing: agent=2.1.0;"},
    {"type": "text", "text": "You are a coding agent.", **CACHED},
    {"type": "text", "text": "Work in /repo. Be careful. " * 100, **CACHED},
]
HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14",
    "x-app": "cli",
}
ROUNDS = 20


def answer(body: dict[str, Any]) -> Answer:
    """Two calls at once in each round, and words at the end."""
    done = sum(message["role"] == "tool" for message in body["messages"]) // 2
    if done >= ROUNDS:
        return Answer(text="All is done.")
    calls = (
        Call("Read", {"path": f"/repo/{done}.py"}, f"call_{done}a"),
        Call("Grep", {"path": "/repo", "limit": None}, f"call_{done}b"),
    )
    return Answer(text="Let me look.", tool_calls=calls)


async def turn(gateway: Running, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One request; the content of the answer, put together from its events as an agent does."""
    body = {
        "model": "claude-sonnet-4-5-20250929",
        "max_tokens": 32000,
        "stream": True,
        "system": SYSTEM,
        "tools": TOOLS,
        "thinking": {"type": "enabled", "budget_tokens": 31999},
        "metadata": {"user_id": "user_1_account__session_1"},
        "messages": messages,
    }
    url = f"{gateway.url}/v1/messages?beta=true"
    content: list[dict[str, Any]] = []
    async with gateway.session.post(url, json=body, headers=HEADERS) as found:
        assert found.status == 200, await found.text()
        async for event in read_events(found):
            match event:
                case {"type": "content_block_start", "content_block": block}:
                    content.append({**block, "json": ""})
                case {"type": "content_block_delta", "delta": delta}:
                    _add(content[-1], delta)
    for block in content:
        text = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = orjson.loads(text)
    return content


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["json"] += delta["partial_json"]


async def test_a_long_session_with_parallel_tools(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    ollama.answer = answer
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MODEL_ALIASES="claude-*=qwen3")
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "<system-reminder/>"}]},
    ]
    messages[0]["content"].append({"type": "text", "text": "Tidy the repository.", **CACHED})
    while True:
        content = await turn(gateway, messages)
        messages.append({"role": "assistant", "content": content})
        uses = [block for block in content if block["type"] == "tool_use"]
        if not uses:
            break
        assert [block["type"] for block in content] == ["thinking", "text", "tool_use", "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": use["id"], "content": f"{use['name']} did it"}
            for use in reversed(uses)
        ]
        messages.append({"role": "user", "content": results})
    assert content[-1]["text"] == "All is done."
    assert len(messages) > 40

    seen = ollama.generations[-1].json
    assert seen["model"] == "qwen3:latest"
    assert [tool["function"]["name"] for tool in seen["tools"]] == NAMES.split()
    system, user, *rest = seen["messages"]
    assert system["content"].startswith("x-billing: agent=2.1.0;\nYou are a coding agent.\nWork")
    assert user["content"] == "<system-reminder/>\nTidy the repository."
    for number in range(ROUNDS):
        assistant, grep, read = rest[3 * number : 3 * number + 3]
        assert assistant["thinking"] == "Let me see."
        assert [call["id"] for call in assistant["tool_calls"]] == [
            f"call_{number}a",
            f"call_{number}b",
        ]
        assert (read["tool_call_id"], read["tool_name"]) == (f"call_{number}a", "Read")
        assert (grep["tool_call_id"], grep["content"]) == (f"call_{number}b", "Grep did it")
