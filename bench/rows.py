"""The rows: what is asked, over how many connections, and of whom.

A request is the same bytes for everybody, the OpenAI wire with a key. nginx hands it to the engine,
which answers in that wire itself; the gateway translates to Ollama's native wire and back.
"""

import base64
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

KEY = "bench-0123456789abcdef"

_HOST = f"Host: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
_PROMPT = "Tell me the story with the number ################, and make it a short one."

PLAIN = "fake:1x350-together"
STREAM = "fake:200x5"
BLOCK = "fake:200x5-together"
PACED = "fake:100x5-20ms"
SHORT_PACED = "fake:10x5-20ms"
IDLE = "fake:2x5-3600000ms"
LINES = "fake:60x6"
FAIR = "fake:10x5-10ms"
MODELS = [PLAIN, STREAM, BLOCK, PACED, SHORT_PACED, IDLE, LINES, FAIR]


def chat(model: str, stream: bool = False, content: object = _PROMPT, key: str = "") -> bytes:
    body = json.dumps({
        "model": model, "stream": stream, "messages": [{"role": "user", "content": content}],
    }).encode()  # fmt: skip
    head = f"POST /v1/chat/completions HTTP/1.1\r\n{_HOST}Content-Type: application/json\r\n"
    head = head.replace(KEY, key or KEY)
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\n{_HOST}\r\n".encode()


def long_prompt() -> bytes:
    return chat(PLAIN, content=_PROMPT + " Once upon a time." * (1_000_000 // 18))


def image() -> bytes:
    pixels = b"\x89PNG\r\n\x1a\n" + random.Random(5).randbytes(5_000_000 * 3 // 4)
    url = "data:image/png;base64," + base64.b64encode(pixels).decode()
    parts = [{"type": "text", "text": _PROMPT}, {"type": "image_url", "image_url": {"url": url}}]
    return chat(PLAIN, content=parts)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    about: str
    connections: int
    request: Callable[[], bytes]
    tokens: int = 1  # in an answer; -1 where it holds none
    unit: str = "request"  # what the rate and the cost are counted in
    of: tuple[str, ...] = ("nginx", "llamagate")
    instead: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    ramp_ms: int = 0  # connections begin evenly over this time
    warm: float = 0.3
    seconds: float = 1.2
    long: bool = False  # only with --long


def _plain(connections: int, *of: str, long: bool = False) -> Row:
    return Row(
        f"plain-{connections}", "plain answers of 600 bytes", connections, lambda: chat(PLAIN),
        of=("nginx", *of, "llamagate"), long=long,
    )  # fmt: skip


def _stream(connections: int) -> Row:
    return Row(
        f"stream-{connections}", "streams of 200 tokens at full speed, a write each", connections,
        lambda: chat(STREAM, stream=True), tokens=200, unit="token",
    )  # fmt: skip


ROWS = (
    _plain(1),
    _plain(32, "bare"),
    _plain(256),
    _stream(1),
    _stream(32),
    _stream(256),
    Row(
        "block-32", "streams of 200 tokens, all in one write of the engine", 32,
        lambda: chat(BLOCK, stream=True), tokens=200, unit="token", long=True,
    ),
    Row(
        "paced-200", "200 streams, a token each 20 ms", 200, lambda: chat(PACED, stream=True),
        tokens=100, unit="token", ramp_ms=20, warm=0.5, seconds=2.5,
    ),
    Row(
        "first-20", "20 streams that begin anew all the time, a token each 20 ms", 20,
        lambda: chat(SHORT_PACED, stream=True), tokens=10, unit="token",
        of=("engine", "nginx", "llamagate"), ramp_ms=20, seconds=2.5,
    ),
    Row(
        "lines-32", "plain answers that the engine streams in 60 tokens", 32, lambda: chat(LINES),
        tokens=60, of=("llamagate",), long=True,
    ),
    Row(
        "hits-32", "cache hits (nginx: the same bytes from a file)", 32,
        lambda: chat(PLAIN, content="The same again, please."),
        instead={"nginx": get("/answer.json")},
    ),
    Row("models-32", "GET /v1/models", 32, lambda: get("/v1/models"), tokens=-1),
    Row("prompt-1mb", "prompts of 1 MB", 4, long_prompt),
    Row("image-5mb", "images of 5 MB in the body", 2, image),
)  # fmt: skip
