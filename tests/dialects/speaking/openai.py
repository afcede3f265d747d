"""OpenAI's chats and text completions."""

from collections.abc import Iterator
from typing import Any

import orjson

from tests.dialects.speaking.dialect import (
    EVERYTHING,
    FUNCTION,
    PARIS,
    Dialect,
    Said,
    Wish,
    sampling,
)
from tests.dialects.speaking.frames import read_events


class Chats(Dialect):
    name = "chats"
    path = "/v1/chat/completions"
    can = EVERYTHING

    def ask(self, wish: Wish) -> dict[str, Any]:
        content: Any = wish.text
        if wish.image:
            url = f"data:image/png;base64,{wish.image}"
            picture = {"type": "image_url", "image_url": {"url": url}}
            content = [{"type": "text", "text": wish.text}, picture]
        messages: list[Any] = [{"role": "system", "content": wish.system}] if wish.system else []
        messages.append({"role": "user", "content": content})
        if wish.result:
            function = {"name": FUNCTION["name"], "arguments": orjson.dumps(PARIS).decode()}
            call = {"id": "call_1", "type": "function", "function": function}
            messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            messages.append({"role": "tool", "tool_call_id": "call_1", "content": wish.result})
        body: dict[str, Any] = {"messages": messages, **sampling(wish)}
        if wish.stream:
            body["stream_options"] = {"include_usage": True}
        if wish.tool:
            body["tools"] = [{"type": "function", "function": FUNCTION}]
        if wish.think:
            body["reasoning_effort"] = "high"
        if wish.schema:
            form = {"name": "answer", "schema": wish.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    def plain(self, body: Any) -> Said:
        if "error" in body:
            return Said(error=body["error"]["message"])
        (choice,) = body["choices"]
        message = choice["message"]
        calls = [call["function"] for call in message.get("tool_calls", ())]
        return Said(
            message["content"] or "",
            message.get("reasoning", ""),
            [(call["name"], orjson.loads(call["arguments"])) for call in calls],
            choice["finish_reason"],
            _usage(body["usage"]),
            whole=True,
        )

    def streamed(self, raw: bytes) -> Said:
        return self._read(read_events(raw))

    def _read(self, chunks: Iterator[tuple[str, Any]]) -> Said:
        said = Said()
        calls: dict[int, list[str]] = {}
        for _, chunk in chunks:
            said.after += bool(said.whole or said.error)
            if chunk == "[DONE]":
                said.whole = True
                continue
            said.error = chunk.get("error", {}).get("message", said.error)
            said.usage = _usage(chunk["usage"]) if chunk.get("usage") else said.usage
            for choice in chunk.get("choices", ()):
                self._choice(choice, said, calls)
        said.calls = [(name, orjson.loads("".join(rest))) for name, *rest in calls.values()]
        return said

    def _choice(self, choice: Any, said: Said, calls: dict[int, list[str]]) -> None:
        said.reason = choice["finish_reason"] or said.reason
        delta = choice["delta"]
        said.text += delta.get("content") or ""
        said.thinking += delta.get("reasoning", "")
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            pieces = calls.setdefault(call["index"], [function.get("name", "")])
            pieces.append(function["arguments"])


class Texts(Dialect):
    name = "texts"
    path = "/v1/completions"

    def ask(self, wish: Wish) -> dict[str, Any]:
        body = {"prompt": wish.text, **sampling(wish)}
        return body | ({"stream_options": {"include_usage": True}} if wish.stream else {})

    def plain(self, body: Any) -> Said:
        if "error" in body:
            return Said(error=body["error"]["message"])
        (choice,) = body["choices"]
        usage = _usage(body["usage"])
        return Said(choice["text"], "", [], choice["finish_reason"], usage, whole=True)

    def streamed(self, raw: bytes) -> Said:
        said = Said()
        for _, chunk in read_events(raw):
            said.after += bool(said.whole or said.error)
            if chunk == "[DONE]":
                said.whole = True
                continue
            said.error = chunk.get("error", {}).get("message", said.error)
            said.usage = _usage(chunk["usage"]) if chunk.get("usage") else said.usage
            for choice in chunk.get("choices", ()):
                said.text += choice["text"]
                said.reason = choice["finish_reason"] or said.reason
        return said


def _usage(usage: Any) -> tuple[int, int]:
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return usage["prompt_tokens"], usage["completion_tokens"]
