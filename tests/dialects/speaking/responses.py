"""OpenAI's Responses."""

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


class Responses(Dialect):
    name = "responses"
    path = "/v1/responses"
    can = EVERYTHING
    reasons = ("completed", "completed")

    def ask(self, wish: Wish) -> dict[str, Any]:
        content: list[Any] = [{"type": "input_text", "text": wish.text}]
        if wish.image:
            url = f"data:image/png;base64,{wish.image}"
            content.append({"type": "input_image", "image_url": url})
        items: list[Any] = [{"role": "user", "content": content}]
        if wish.result:
            call = {"name": FUNCTION["name"], "arguments": orjson.dumps(PARIS).decode()}
            items.append({"type": "function_call", "call_id": "call_1", **call})
            output = {"call_id": "call_1", "output": wish.result}
            items.append({"type": "function_call_output", **output})
        plain = not (wish.image or wish.result)
        body = {"input": wish.text if plain else items, **sampling(wish, "max_output_tokens")}
        if wish.system:
            body["instructions"] = wish.system
        if wish.tool:
            body["tools"] = [{"type": "function", "strict": False, **FUNCTION}]
        if wish.think:
            body["reasoning"] = {"effort": "high"}
        if wish.schema:
            form = {"type": "json_schema", "name": "answer", "schema": wish.schema}
            body["text"] = {"format": form}
        return body

    def plain(self, body: Any) -> Said:
        error = (body["error"] or {}).get("message", "")
        usage = body.get("usage")
        said = Said(error=error, reason=body.get("status", ""), whole=not error)
        said.usage = (usage["input_tokens"], usage["output_tokens"]) if usage else None
        for item in body.get("output", ()):
            match item["type"]:
                case "message":
                    said.text += item["content"][0]["text"]
                case "reasoning":
                    said.thinking += item["summary"][0]["text"]
                case "function_call":
                    said.calls.append((item["name"], orjson.loads(item["arguments"])))
        return said

    def streamed(self, raw: bytes) -> Said:
        """The deltas say the same as the response at the end, or it is an error here."""
        text = thinking = arguments = ""
        last: dict[str, Any] = {}
        for number, (name, event) in enumerate(read_events(raw)):
            assert event["sequence_number"] == number
            assert event["type"] == name
            last = event
            match name:
                case "response.output_text.delta":
                    text += event["delta"]
                case "response.reasoning_summary_text.delta":
                    thinking += event["delta"]
                case "response.function_call_arguments.delta":
                    arguments += event["delta"]
        said = self.plain(last.get("response", {"error": None}))
        assert said.text == text
        assert said.thinking == thinking
        assert "".join(orjson.dumps(given).decode() for _, given in said.calls) == (
            arguments and orjson.dumps(orjson.loads(arguments)).decode()
        )
        said.whole = last["type"] == "response.completed"
        return said
