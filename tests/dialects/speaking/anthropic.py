"""Anthropic's messages."""

from typing import Any

import orjson

from tests.dialects.speaking.dialect import (
    CITY,
    EVERYTHING,
    FUNCTION,
    PARIS,
    Dialect,
    Said,
    Wish,
    sampling,
)
from tests.dialects.speaking.frames import read_events


class Messages(Dialect):
    name = "messages"
    path = "/v1/messages"
    can = EVERYTHING
    reasons = ("end_turn", "tool_use")
    headers = {"anthropic-version": "2023-06-01"}

    def ask(self, wish: Wish) -> dict[str, Any]:
        content: list[Any] = [{"type": "text", "text": wish.text}]
        if wish.image:
            source = {"type": "base64", "media_type": "image/png", "data": wish.image}
            content.append({"type": "image", "source": source})
        messages: list[Any] = [{"role": "user", "content": content}]
        if wish.result:
            use = {"type": "tool_use", "id": "toolu_1", "name": FUNCTION["name"], "input": PARIS}
            result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": wish.result}
            messages.append({"role": "assistant", "content": [use]})
            messages.append({"role": "user", "content": [result]})
        body: dict[str, Any] = {"messages": messages, **sampling(wish)}
        if wish.system:
            body["system"] = [{"type": "text", "text": wish.system}]
        if wish.tool:
            told = {"name": FUNCTION["name"], "description": FUNCTION["description"]}
            body["tools"] = [{**told, "input_schema": CITY}]
        if wish.think:
            body["output_config"] = {"effort": "high"}
        if wish.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": wish.schema}}
        return body

    def plain(self, body: Any) -> Said:
        if body["type"] == "error":
            return Said(error=body["error"]["message"])
        said = Said(reason=body["stop_reason"], usage=_input(body["usage"]), whole=True)
        for block in body["content"]:
            match block["type"]:
                case "text":
                    said.text += block["text"]
                case "thinking":
                    said.thinking += block["thinking"]
                case "tool_use":
                    said.calls.append((block["name"], block["input"]))
        return said

    def streamed(self, raw: bytes) -> Said:
        said = Said()
        uses: dict[int, tuple[str, list[str]]] = {}
        for name, event in read_events(raw):
            assert event["type"] == name
            said.after += bool(said.whole or said.error)
            match event:
                case {"type": "content_block_start", "content_block": {"type": "tool_use"} as use}:
                    uses[event["index"]] = (use["name"], [])
                case {"type": "content_block_delta", "delta": delta}:
                    said.text += delta.get("text", "")
                    said.thinking += delta.get("thinking", "")
                    if "partial_json" in delta:
                        uses[event["index"]][1].append(delta["partial_json"])
                case {"type": "message_delta"}:
                    said.reason = event["delta"]["stop_reason"]
                    said.usage = _input(event["usage"])
                case {"type": "message_stop"}:
                    said.whole = True
                case {"type": "error"}:
                    said.error = event["error"]["message"]
        said.calls = [(name, orjson.loads("".join(given))) for name, given in uses.values()]
        return said


def _input(usage: Any) -> tuple[int, int]:
    """Anthropic counts what was cached apart from the rest."""
    return usage["input_tokens"] + usage["cache_read_input_tokens"], usage["output_tokens"]
