"""Ollama's chats and texts, and AI Gateway's, which are nearly the same."""

from typing import Any

from tests.dialects.speaking.dialect import (
    EVERYTHING,
    FUNCTION,
    PARIS,
    Dialect,
    Said,
    Wish,
)
from tests.dialects.speaking.frames import read_lines


class OllamaChats(Dialect):
    name = "ollama chats"
    path = "/api/chat"
    can = EVERYTHING
    reasons = ("stop", "stop")

    def ask(self, wish: Wish) -> dict[str, Any]:
        user: dict[str, Any] = {"role": "user", "content": wish.text}
        if wish.image:
            user["images"] = [wish.image]
        messages: list[Any] = [{"role": "system", "content": wish.system}] if wish.system else []
        messages.append(user)
        if wish.result:
            function = {"name": FUNCTION["name"], "arguments": PARIS}
            messages.append(
                {"role": "assistant", "content": "", "tool_calls": [{"function": function}]}
            )
            result = {"tool_name": FUNCTION["name"], "content": wish.result}
            messages.append({"role": "tool", **result})
        body = {"messages": messages, **self._common(wish)}
        if wish.tool:
            body["tools"] = [{"type": "function", "function": FUNCTION}]
        return body

    def plain(self, body: Any) -> Said:
        return self._read([body])

    def streamed(self, raw: bytes) -> Said:
        return self._read(read_lines(raw))

    def _common(self, wish: Wish) -> dict[str, Any]:
        """`stream` is left out where it is wished for: streams are what this wire gives."""
        options = {"num_predict": wish.max_tokens, "temperature": wish.temperature}
        body: dict[str, Any] = {"model": wish.model, "options": options}
        if not wish.stream:
            body["stream"] = False
        if wish.think:
            body["think"] = "high"
        if wish.schema:
            body["format"] = wish.schema
        return body

    def _read(self, lines: list[Any]) -> Said:
        said = Said()
        for line in lines:
            said.after += bool(said.whole or said.error)
            if "error" in line:
                assert set(line) <= {"error", "detail", "request_id"}
                said.error = line["error"]
                continue
            message = self._message(line)
            said.text += message.get("content", "")
            said.thinking += message.get("thinking", "")
            for call in message.get("tool_calls", ()):
                said.calls.append((call["function"]["name"], call["function"]["arguments"]))
            if line["done"]:
                said.whole = True
                said.reason = line["done_reason"]
                said.usage = (line.get("prompt_eval_count", 0), line["eval_count"])
        return said

    def _message(self, line: Any) -> dict[str, Any]:
        message: dict[str, Any] = line["message"]
        return message


class OllamaTexts(OllamaChats):
    name = "ollama texts"
    path = "/api/generate"
    can = frozenset({"system", "image", "think", "schema"})

    def ask(self, wish: Wish) -> dict[str, Any]:
        body = {"prompt": wish.text, **self._common(wish)}
        if wish.system:
            body["system"] = wish.system
        if wish.image:
            body["images"] = [wish.image]
        return body

    def _message(self, line: Any) -> dict[str, Any]:
        return {"content": line["response"], "thinking": line.get("thinking", "")}


class AIGatewayChats(OllamaChats):
    name = "aigateway chats"
    path = "/aigateway/chat"

    def plain(self, body: Any) -> Said:
        said = super().plain(body)
        assert body.get("response", "") == said.text
        return said


class AIGatewayTexts(OllamaTexts):
    name = "aigateway texts"
    path = "/aigateway/generate"
