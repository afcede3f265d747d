"""Recorded exchanges of a real Ollama, and a server that replays one byte for byte.

    async with Recorded(load("chat/stream")) as server:
        ... every request to server.url is answered as Ollama answered that one ...

Writes to the socket itself, so that chunks, cuts and missing answers are as they were.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

FOLDER = Path(__file__).parent.parent / "recordings" / "ollama"
OWN_HEADERS = ("content-length", "transfer-encoding", "date")  # ours to set


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange. `request` and `response` are as the file has them."""

    name: str
    about: str
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def path(self) -> str:
        return str(self.request["path"])

    @property
    def body(self) -> Any:
        return self.request["body"]

    @property
    def status(self) -> int | None:
        """None when the connection ended without an answer."""
        status: int | None = self.response["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {k: v for k, v in self.response["headers"].items() if k.lower() not in OWN_HEADERS}

    @property
    def chunked(self) -> bool:
        return "chunks" in self.response

    @property
    def chunks(self) -> list[bytes]:
        """The body in the pieces it came in; one piece where it was not chunked."""
        if self.chunked:
            return [chunk["text"].encode() for chunk in self.response["chunks"]]
        body = str(self.response.get("body") or "").encode()
        return [body] if body else []

    @property
    def times(self) -> list[int]:
        """Milliseconds from the request to each piece."""
        if self.chunked:
            return [chunk["ms"] for chunk in self.response["chunks"]]
        return [self.response["ms"]] * len(self.chunks)

    @property
    def answer(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def cut(self) -> bool:
        return bool(self.response.get("ended") == "cut")


def load(name: str) -> Recording:
    """`name` is GROUP/NAME, for example chat/stream."""
    found = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return Recording(name, found["about"], found["request"], found["response"])


def names(*groups: str) -> list[str]:
    """Every recording of these groups, GROUP/NAME, in order."""
    files = (file for group in groups for file in sorted((FOLDER / group).glob("*.json")))
    return [f"{file.parent.name}/{file.stem}" for file in files]


class Recorded:
    """Replays one recording to every request. `speed` 1 keeps the recorded pauses, 0 leaves them
    out; `split` cuts the body anew, a chunk every so many bytes, whatever they hold."""

    def __init__(self, recording: Recording, speed: float = 0.0, split: int = 0) -> None:
        self.recording = recording
        self.speed = speed
        self.split = split
        self.requests: list[tuple[str, bytes]] = []  # request line and body
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None, "not started"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._read_request(reader):
                if await self._replay(writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            writer.close()

    async def _read_request(self, reader: asyncio.StreamReader) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        line, *fields = head.decode("latin-1").split("\r\n")
        sent = dict(field.lower().split(": ", 1) for field in fields if field)
        body = await reader.readexactly(int(sent.get("content-length", 0)))
        self.requests.append((line, body))
        return True

    async def _replay(self, writer: asyncio.StreamWriter) -> bool:
        """Answer; True when the connection ends with it."""
        recording = self.recording
        if recording.status is not None:
            writer.write(self._head())
            for pause, piece in self._pieces():
                await asyncio.sleep(pause)
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if recording.chunked else piece)
                await writer.drain()
            if recording.chunked and not recording.cut:
                writer.write(b"0\r\n\r\n")
        await writer.drain()
        return recording.cut

    def _head(self) -> bytes:
        recording = self.recording
        lines = [f"HTTP/1.1 {recording.status} {recording.response['reason']}"]
        lines += [f"{name}: {value}" for name, value in recording.headers.items()]
        if recording.chunked:
            lines.append("Transfer-Encoding: chunked")
        else:
            lines.append(f"Content-Length: {len(recording.answer)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _pieces(self) -> Iterator[tuple[float, bytes]]:
        """Each piece of the body and the pause before it, in seconds."""
        if self.split:
            body = self.recording.answer
            for at in range(0, len(body), self.split):
                yield 0.0, body[at : at + self.split]
            return
        last = 0
        for ms, piece in zip(self.recording.times, self.recording.chunks, strict=True):
            yield (ms - last) / 1000 * self.speed, piece
            last = ms
