"""A stream of OpenAI's as a client takes it apart: chunks, comments, and how it ended."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.conftest import Running


@dataclass
class Stream:
    status: int
    headers: dict[str, str]  # lower-case names
    chunks: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    done: bool = False

    @property
    def error(self) -> dict[str, Any] | None:
        """The error event; nothing may follow it."""
        found: dict[str, Any] | None = self.chunks[-1].get("error") if self.chunks else None
        return found

    def choices(self, index: int = 0) -> list[dict[str, Any]]:
        return [
            choice
            for chunk in self.chunks
            for choice in chunk.get("choices", ())
            if choice["index"] == index
        ]

    def deltas(self, index: int = 0) -> list[dict[str, Any]]:
        return [choice["delta"] for choice in self.choices(index)]

    def text(self, index: int = 0) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas(index))

    def finish_reason(self, index: int = 0) -> str | None:
        (reason,) = {choice["finish_reason"] for choice in self.choices(index)} - {None} or {None}
        return reason


async def read_stream(gateway: Running, path: str, **how: Any) -> Stream:
    async with gateway.session.post(gateway.url + path, **how) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        found = Stream(answer.status, {name.lower(): v for name, v in answer.headers.items()})
        for frame in (await answer.read()).decode().split("\n\n")[:-1]:
            assert not found.done, "nothing follows [DONE]"
            if frame.startswith(":"):
                found.comments.append(frame[1:].strip())
            elif frame == "data: [DONE]":
                found.done = True
            else:
                found.chunks.append(orjson.loads(frame.removeprefix("data: ")))
        return found
