"""Frames of the streaming formats: lines of JSON and server-sent events, cut out of raw bytes.

Reads from a socket end anywhere, also inside a letter; the cutters keep what is unfinished.
"""

from _llamagate.errors import EngineGarbled

# The last line of Ollama's /api/generate carries the whole token history: megabytes are normal.
MAX_FRAME = 64 * 1024 * 1024


class Lines:
    """Cuts bytes into lines. `feed` returns the lines that are complete, without their ends."""

    __slots__ = ("_held", "_size")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        if not data.endswith(b"\n"):
            end = data.rfind(b"\n")
            if end < 0:
                self._hold(data)
                return []
            data, rest = data[:end], data[end + 1 :]
        else:
            data, rest = data[:-1], b""
        if self._held:
            self._held.append(data)
            data = b"".join(self._held)
            self._held.clear()
            self._size = 0
        if rest:
            self._hold(rest)
        return data.split(b"\n")

    def rest(self) -> bytes:
        """What stood after the last line end."""
        return b"".join(self._held)

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._size > MAX_FRAME:
            raise EngineGarbled(f"The engine sent a line of more than {MAX_FRAME} bytes.")


def one_line(data: bytes) -> bytes:
    """Lines of JSON without the three letters that JSON allows as they are, but at which clients
    end a line all the same: NEL and the separators of lines and paragraphs."""
    if data.isascii():
        return data
    data = data.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
    return data.replace(b"\xc2\x85", rb"\u0085")


def sse(data: bytes, event: str = "") -> bytes:
    """One server-sent event. `data` holds no line ends: it is JSON on one line."""
    if event:
        return b"event: %b\ndata: %b\n\n" % (event.encode(), data)
    return b"data: %b\n\n" % data


SSE_COMMENT = b": keep-alive\n\n"
SSE_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # nginx would hold the stream back otherwise
}
NDJSON_HEADERS = {"Content-Type": "application/x-ndjson", "X-Accel-Buffering": "no"}
