"""What one can say in every dialect, and how each of them says it.

A dialect turns a `Wish` into a body and an answer, plain or streamed, into what was `Said`.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PICTURE = "aGk="


@dataclass(frozen=True)
class Wish:
    """What the client wants beside an answer to its question."""

    model: str
    stream: bool = False
    tools: bool = False
    think: bool = False
    picture: bool = False
    schema: bool = False


@dataclass
class Said:
    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    ended: bool = False


def events(raw: bytes) -> list[Any]:
    """The data of server-sent events; [DONE] is the text "[DONE]"."""
    found: list[Any] = []
    for frame in raw.decode().split("\n\n"):
        for line in frame.split("\n"):
            if line.startswith("data: "):
                data = line.removeprefix("data: ")
                found.append(data if data == "[DONE]" else orjson.loads(data))
    return found


class OpenAIChat:
    path = "/v1/chat/completions"

    def ask(self, wish: Wish) -> dict[str, Any]:
        content: Any = "Well?"
        if wish.picture:
            url = {"url": f"data:image/png;base64,{PICTURE}"}
            content = [{"type": "text", "text": "Well?"}, {"type": "image_url", "image_url": url}]
        body: dict[str, Any] = {"model": wish.model, "stream": wish.stream}
        body["messages"] = [{"role": "user", "content": content}]
        if wish.tools:
            function = {"name": "get_weather", "parameters": SCHEMA}
            body["tools"] = [{"type": "function", "function": function}]
        if wish.think:
            body["reasoning_effort"] = "low"
        if wish.schema:
            named = {"name": "city", "schema": SCHEMA}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        return body

    def read(self, raw: bytes) -> Said:
        choice = orjson.loads(raw)["choices"][0]
        message = choice["message"]
        calls = [call["function"] for call in message.get("tool_calls", ())]
        return Said(
            message["content"] or "",
            message.get("reasoning_content", ""),
            [(call["name"], orjson.loads(call["arguments"])) for call in calls],
            choice["finish_reason"] in ("stop", "tool_calls"),
        )

    def read_stream(self, raw: bytes) -> Said:
        *chunks, done = events(raw)
        return _joined(
            [choice for chunk in chunks for choice in chunk["choices"]], done == "[DONE]"
        )


class EgoLlamaChat(OpenAIChat):
    """The same, with lines of JSON instead of events."""

    path = "/egollama/v1/chat/completions"

    def read_stream(self, raw: bytes) -> Said:
        chunks = [orjson.loads(line) for line in raw.splitlines()]
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        return _joined(choices, choices[-1]["finish_reason"] is not None)


class Responses:
    path = "/v1/responses"

    def ask(self, wish: Wish) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "input_text", "text": "Well?"}]
        if wish.picture:
            url = f"data:image/png;base64,{PICTURE}"
            content.append({"type": "input_image", "image_url": url})
        body: dict[str, Any] = {"model": wish.model, "stream": wish.stream}
        body["input"] = [{"role": "user", "content": content}]
        if wish.tools:
            body["tools"] = [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]
        if wish.think:
            body["reasoning"] = {"effort": "low"}
        if wish.schema:
            body["text"] = {"format": {"type": "json_schema", "name": "city", "schema": SCHEMA}}
        return body

    def read(self, raw: bytes) -> Said:
        return self._response(orjson.loads(raw))

    def read_stream(self, raw: bytes) -> Said:
        found = events(raw)
        deltas = [e["delta"] for e in found if e["type"] == "response.output_text.delta"]
        said = self._response(found[-1]["response"])
        assert "".join(deltas) == said.text
        return said

    def _response(self, response: Any) -> Said:
        said = Said(ended=response["status"] == "completed")
        for item in response["output"]:
            match item["type"]:
                case "message":
                    said.text += "".join(part["text"] for part in item["content"])
                case "reasoning":
                    said.thinking += "".join(part["text"] for part in item["summary"])
                case "function_call":
                    said.calls.append((item["name"], orjson.loads(item["arguments"])))
        return said


class Anthropic:
    path = "/v1/messages"

    def ask(self, wish: Wish) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": "Well?"}]
        if wish.picture:
            source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
            content.append({"type": "image", "source": source})
        body: dict[str, Any] = {"model": wish.model, "stream": wish.stream, "max_tokens": 1024}
        body["messages"] = [{"role": "user", "content": content}]
        if wish.tools:
            body["tools"] = [{"name": "get_weather", "input_schema": SCHEMA}]
        if wish.think:
            body["thinking"] = {"type": "enabled", "budget_tokens": 1000}
        if wish.schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        return body

    def read(self, raw: bytes) -> Said:
        answer = orjson.loads(raw)
        said = Said(ended=answer["stop_reason"] in ("end_turn", "tool_use"))
        for block in answer["content"]:
            match block["type"]:
                case "text":
                    said.text += block["text"]
                case "thinking":
                    said.thinking += block["thinking"]
                case "tool_use":
                    said.calls.append((block["name"], block["input"]))
        return said

    def read_stream(self, raw: bytes) -> Said:
        said, arguments, name = Said(), "", ""
        for event in events(raw):
            match event:
                case {"type": "content_block_start", "content_block": {"type": "tool_use"} as use}:
                    name, arguments = use["name"], ""
                case {"type": "content_block_delta", "delta": {"type": "text_delta"} as delta}:
                    said.text += delta["text"]
                case {"type": "content_block_delta", "delta": {"type": "thinking_delta"} as delta}:
                    said.thinking += delta["thinking"]
                case {"type": "content_block_delta", "delta": {"partial_json": piece}}:
                    arguments += piece
                case {"type": "content_block_stop"} if name:
                    said.calls.append((name, orjson.loads(arguments)))
                    name = ""
                case {"type": "message_stop"}:
                    said.ended = True
        return said


class OllamaChat:
    path = "/api/chat"

    def ask(self, wish: Wish) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "user", "content": "Well?"}
        if wish.picture:
            message["images"] = [PICTURE]
        body: dict[str, Any] = {"model": wish.model, "stream": wish.stream, "messages": [message]}
        if wish.tools:
            function = {"name": "get_weather", "parameters": SCHEMA}
            body["tools"] = [{"type": "function", "function": function}]
        if wish.think:
            body["think"] = "low"
        if wish.schema:
            body["format"] = SCHEMA
        return body

    def read(self, raw: bytes) -> Said:
        return self.read_stream(raw)

    def read_stream(self, raw: bytes) -> Said:
        said = Said()
        for line in map(orjson.loads, raw.splitlines()):
            message = line["message"]
            said.text += message.get("content", "")
            said.thinking += message.get("thinking", "")
            for call in message.get("tool_calls", ()):
                said.calls.append((call["function"]["name"], call["function"]["arguments"]))
            said.ended = line["done"]
        return said


class AIGatewayChat(OllamaChat):
    path = "/aigateway/chat"


DIALECTS = {
    "openai": OpenAIChat(),
    "responses": Responses(),
    "anthropic": Anthropic(),
    "ollama": OllamaChat(),
    "egollama": EgoLlamaChat(),
    "aigateway": AIGatewayChat(),
}


def _joined(choices: list[Any], ended: bool) -> Said:
    said, pieces = Said(ended=ended), list[tuple[str, str]]()
    for choice in choices:
        delta = choice["delta"]
        said.text += delta.get("content") or ""
        said.thinking += delta.get("reasoning_content") or ""
        for call in delta.get("tool_calls", ()):
            function = call["function"]
            if "name" in function:
                pieces.append((function["name"], function["arguments"]))
            else:
                name, before = pieces[call["index"]]
                pieces[call["index"]] = name, before + function["arguments"]
    said.calls = [(name, orjson.loads(arguments)) for name, arguments in pieces]
    return said
