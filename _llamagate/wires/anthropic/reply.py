"""A whole answer as an Anthropic client reads it, and the words it shares with the stream."""

from typing import Any

import orjson

from _llamagate.errors import EngineGarbled
from _llamagate.exchange import Finish, Reply, ToolUse, Usage
from _llamagate.ids import new_id
from _llamagate.wires.anthropic.tool_ids import ClientIds
from _llamagate.wires.arguments import parse_arguments

# A thinking block must be signed. Nothing here is: the text says so to whoever decodes it
# ("unsigned, by llamagate"), and any signature is accepted when a block comes back.
SIGNATURE = "dW5zaWduZWQsIGJ5IGxsYW1hZ2F0ZQ=="

_STOP_REASONS = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
    "content_filter": "refusal",
}


def render_reply(model: str, reply: Reply, *, show_thinking: bool = True) -> bytes:
    content: list[dict[str, Any]] = []
    if reply.thinking:
        thinking = reply.thinking if show_thinking else ""
        content.append({"type": "thinking", "thinking": thinking, "signature": SIGNATURE})
    if reply.text:
        content.append({"type": "text", "text": reply.text})
    cut = reply.finish.reason == "length"
    ids = ClientIds()
    for call in reply.tool_calls:
        arguments = _arguments(call, cut)
        if arguments is not None:
            block = {"type": "tool_use", "id": ids.next(call.id), "name": call.name}
            content.append(block | {"input": arguments})
    return orjson.dumps(
        message(model, content)
        | stop(reply.finish, bool(reply.tool_calls))
        | {"usage": render_usage(reply.finish.usage)}
    )


def message(model: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
    }


def stop(finish: Finish, called: bool) -> dict[str, Any]:
    """Why it ended. Ollama does not tell a stop string from the end of the answer, so behind it
    `stop_sequence` never happens; engines that tell are believed."""
    reason = finish.reason
    if finish.stop_sequence:
        reason = "stop_sequence"
    elif called and reason == "stop":
        reason = "tool_calls"
    return {
        "stop_reason": _STOP_REASONS.get(reason, "end_turn"),
        "stop_sequence": finish.stop_sequence or None,
    }


def render_usage(usage: Usage) -> dict[str, Any]:
    """Here the prompt's cached tokens are counted apart from the others."""
    found: dict[str, Any] = {
        "input_tokens": max(usage.prompt - usage.cached, 0),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }
    if usage.reasoning:
        found["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return found


def _arguments(call: ToolUse, cut: bool) -> dict[str, Any] | None:
    found = parse_arguments(call.arguments)
    if found is not None or cut:
        return found  # None: half a call must not be run; `max_tokens` tells why it is missing
    raise EngineGarbled(
        f"The engine called the tool {call.name!r} with arguments that are no JSON object."
    )
