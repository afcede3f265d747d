"""AI Gateway's bodies: Ollama's own, but for a plain chat, whose text its document shows as
`response`, and for errors, which have the shape of the framework that it was written with."""

from typing import Any

from _llamagate.errors import GatewayError
from _llamagate.exchange import Fields, Reply
from _llamagate.wires.ollama import client_answers
from _llamagate.wires.ollama.errors import render_error as render_ollama_error


class ChatLines(client_answers.ChatLines):
    def whole(self, reply: Reply) -> Fields:
        return {**super().whole(reply), "response": reply.text}


def render_error(error: GatewayError, request_id: str) -> dict[str, Any]:
    """`error` is for the Ollama libraries that are pointed at it."""
    shown = render_ollama_error(error, request_id)
    return {"detail": shown["error"], **shown, "request_id": request_id}
