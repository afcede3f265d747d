"""EgoLlama's texts, and its chats in both forms of a stream."""

from typing import Any

from tests.dialects.speaking.dialect import (
    Dialect,
    Said,
    Wish,
    sampling,
)
from tests.dialects.speaking.frames import read_lines
from tests.dialects.speaking.openai import Chats


class EgoLlamaTexts(Dialect):
    """It has no words for thinking, and answers at once."""

    name = "egollama texts"
    path = "/egollama/generate"
    can = frozenset({"system"})
    streams = False

    def ask(self, wish: Wish) -> dict[str, Any]:
        body = {"prompt": wish.text, **sampling(wish)}
        return body | ({"system": wish.system} if wish.system else {})

    def plain(self, body: Any) -> Said:
        if "error" in body:
            return Said(error=body["error"]["message"])
        told = body["generated_text"]
        return Said(told, "", [], body["finish_reason"], (0, body["tokens"]), whole=True)


class EgoLlamaChats(Chats):
    """Read by a client without a key, in lines."""

    name = "egollama chats"
    path = "/egollama/v1/chat/completions"

    def streamed(self, raw: bytes) -> Said:
        said = self._read(("", line) for line in read_lines(raw))
        said.whole = bool(said.reason) and not said.error  # there is no [DONE]
        return said


class EgoLlamaChatEvents(Chats):
    name = "egollama chats as events"
    path = "/egollama/v1/chat/completions"
    headers = {"Accept": "text/event-stream"}
