"""A response object and the items of its output, which the stream shares."""

import time
from collections.abc import Sequence
from typing import Any

from _llamagate.errors import GatewayError
from _llamagate.exchange import Fields, Finish, Logprob, Reply, Usage
from _llamagate.ids import CallIds, secret_id
from _llamagate.wires.responses.items import seal
from _llamagate.wires.responses.request import AskedResponse

# What cut an answer short, in OpenAI's words.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Response:
    """One response, from the moment it is created until it has ended in one way or another."""

    def __init__(self, model: str, asked: AskedResponse) -> None:
        self._fixed: Fields = {
            "id": secret_id("resp_"),
            "object": "response",
            "created_at": int(time.time()),
            "model": model,
            **asked.settings,
        }

    def running(self) -> Fields:
        return self._state("in_progress", [])

    def ended(self, output: list[Fields], finish: Finish) -> Fields:
        """Complete, or cut short."""
        reason = INCOMPLETE.get(finish.reason)
        if reason:
            found = self._state("incomplete", output)
            found["incomplete_details"] = {"reason": reason}
        else:
            found = self._state("completed", output)
            found["completed_at"] = int(time.time())
        found["usage"] = render_usage(finish.usage)
        return found

    def failed(self, output: list[Fields], error: GatewayError) -> Fields:
        found = self._state("failed", output)
        found["error"] = {"code": _error_code(error), "message": error.message}
        return found

    def _state(self, status: str, output: list[Fields]) -> Fields:
        return {
            **self._fixed,
            "status": status,
            "output": output,
            "error": None,
            "incomplete_details": None,
            "usage": None,
        }


def render_response(model: str, asked: AskedResponse, reply: Reply) -> Fields:
    output: list[Fields] = []
    last = "incomplete" if reply.finish.reason in INCOMPLETE else "completed"
    if reply.thinking:
        output.append(reasoning_item(secret_id("rs_"), reply.thinking, sealed=asked.seal_thinking))
    if reply.text or not reply.tool_calls:
        logprobs = render_logprobs(reply.logprobs)
        output.append(message_item(secret_id("msg_"), reply.text, logprobs))
    ids = CallIds()
    for call in reply.tool_calls:
        name = asked.namespaced.get(call.name, {"name": call.name})
        output.append(call_item(secret_id("fc_"), ids.next(call.id), name, call.arguments))
    if output[-1]["type"] != "reasoning":
        output[-1]["status"] = last
    return Response(model, asked).ended(output, reply.finish)


def reasoning_item(id: str, text: str, *, sealed: bool) -> Fields:
    """The model's own thinking stands where OpenAI has a summary, the part that clients show."""
    found: Fields = {"id": id, "type": "reasoning", "summary": [summary_part(text)]}
    if sealed:
        found["encrypted_content"] = seal(text)
    return found


def summary_part(text: str) -> Fields:
    return {"type": "summary_text", "text": text}


def message_item(
    id: str, text: str, logprobs: list[Fields], *, status: str = "completed"
) -> Fields:
    content = [text_part(text, logprobs)]
    return {
        "id": id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def text_part(text: str, logprobs: list[Fields]) -> Fields:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def call_item(
    id: str, call_id: str, name: Fields, arguments: str, *, status: str = "completed"
) -> Fields:
    return {
        "id": id,
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        **name,
        "arguments": arguments,
    }


def render_logprobs(entries: Sequence[Logprob]) -> list[Fields]:
    return [_logprob(entry) | {"top_logprobs": list(map(_logprob, entry.top))} for entry in entries]


def render_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }


def _logprob(entry: Logprob) -> Fields:
    return {"token": entry.token, "logprob": entry.logprob, "bytes": entry.bytes or ()}


def _error_code(error: GatewayError) -> str:
    status = error.http_status
    if status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if status < 500 else "server_error"
