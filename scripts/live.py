"""Tests a running gateway from outside: health, models, chat, stream, cache, keys, rate limit.

    BASE_URL=http://localhost:8080 API_KEY=sk-... scripts/unix/test.sh --live

MODEL chooses a model; without it the first one listed is used. Needs nothing but Python's own
library, so that it tests any installation from any machine.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import Any

Body = dict[str, Any]


class Failed(Exception):
    """A step did not see what it should have seen."""


class Skipped(Exception):
    """A step has nothing to look at; the text says how to change that."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError as exc:
            raise Failed(f"status {self.status}, and no JSON: {self.body[:200]!r}") from exc


@dataclass
class Gateway:
    url: str
    key: str
    model: str = ""
    open_door: bool = field(default=False, init=False)  # it asks nobody for a key

    @contextmanager
    def call(
        self, path: str, body: Body | None = None, key: str | None = None
    ) -> Iterator[HTTPResponse | urllib.error.HTTPError]:
        key = self.key if key is None else key
        headers = {"Content-Type": "application/json"} | ({"X-API-Key": key} if key else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        with self._open(request) as response:
            yield response

    def _open(self, request: urllib.request.Request) -> HTTPResponse | urllib.error.HTTPError:
        """The answer, once the rate limit lets us in; a status over 400 is an answer too."""
        for _ in range(5):
            try:
                answer: HTTPResponse = urllib.request.urlopen(request, timeout=300)
                return answer
            except urllib.error.HTTPError as refused:
                if refused.status != 429:
                    return refused
                time.sleep(min(int(refused.headers.get("Retry-After", 1)), 60))
            except OSError as exc:
                raise Failed(f"{self.url} cannot be reached: {exc}") from exc
        raise Failed("429 five times in a row, each time after waiting as Retry-After says")

    def ask(self, path: str, body: Body | None = None, key: str | None = None) -> Answer:
        started = time.perf_counter()
        with self.call(path, body, key) as response:
            read = response.read()
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status or 0, headers, read, time.perf_counter() - started)

    def chat(self, text: str, **more: object) -> Body:
        return {"model": self.model, "messages": [{"role": "user", "content": text}], **more}


def expect(condition: object, seen: object) -> None:
    if not condition:
        raise Failed(f"got {seen}")


def health(gateway: Gateway) -> str:
    answer = gateway.ask("/health")
    expect(answer.status == 200 and answer.json().get("status") == "healthy", answer.body[:300])
    return "healthy"


def models(gateway: Gateway) -> str:
    answer = gateway.ask("/v1/models")
    expect(answer.status == 200, f"{answer.status} {answer.body[:300]!r}")
    names = [model["id"] for model in answer.json()["data"]]
    expect(names, "an empty list: pull a model first, e.g. `ollama pull llama3.2:1b`")
    gateway.model = gateway.model or names[0]
    return f"{len(names)} models; testing with {gateway.model}"


def chat(gateway: Gateway) -> str:
    answer = gateway.ask("/v1/chat/completions", gateway.chat("Say hello.", max_tokens=64))
    expect(answer.status == 200, f"{answer.status} {answer.body[:300]!r}")
    choice = answer.json()["choices"][0]
    expect(choice["message"]["role"] == "assistant", choice)
    expect(answer.json()["usage"]["completion_tokens"] > 0, answer.json()["usage"])
    return f"{answer.json()['usage']['completion_tokens']} tokens in {answer.seconds:.2f} s"


def stream(gateway: Gateway) -> str:
    body = gateway.chat("Count to five.", max_tokens=64, stream=True)
    started = time.perf_counter()
    first, chunks, last = 0.0, 0, ""
    with gateway.call("/v1/chat/completions", body) as response:
        expect(response.status == 200, response.status)
        kind = response.headers.get("Content-Type", "")
        expect(kind.startswith("text/event-stream"), kind)
        for line in response:
            if line.startswith(b"data: "):
                first = first or time.perf_counter() - started
                last = line[6:].strip().decode()
                chunks += 1
    expect(last == "[DONE]", f"a stream that ends with {last[:200]!r}")
    total = time.perf_counter() - started
    return f"{chunks} events, the first after {first:.2f} s, the last after {total:.2f} s"


def cache(gateway: Gateway) -> str:
    body = gateway.chat(f"Repeat this: {uuid.uuid4()}", max_tokens=32)
    first, second = (gateway.ask("/v1/chat/completions", body) for _ in range(2))
    expect(first.status == second.status == 200, f"{first.status}, then {second.status}")
    seen = second.headers.get("x-cache", "nothing")
    if seen == "BYPASS":
        raise Skipped("the cache is off; set CACHE=true")
    expect(seen == "HIT", f"X-Cache {seen} for the same request again")
    return f"{first.seconds:.3f} s from the model, {second.seconds:.3f} s from the cache"


def right_key(gateway: Gateway) -> str:
    without = gateway.ask("/v1/models", key="")
    if without.status == 200:
        gateway.open_door = True
        raise Skipped("the gateway asks nobody for a key; set API_KEY where it runs")
    expect(without.status == 401, f"{without.status} for a call without a key")
    expect(gateway.key, "401: say the gateway's key in API_KEY")
    expect(gateway.ask("/v1/models").status == 200, "no 200 for the key in API_KEY")
    return "401 without a key, 200 with it"


def wrong_key(gateway: Gateway) -> str:
    if gateway.open_door:
        raise Skipped("the gateway asks nobody for a key; set API_KEY where it runs")
    answer = gateway.ask("/v1/models", key="wrong-" + uuid.uuid4().hex)
    expect(answer.status == 401, answer.status)
    expect("www-authenticate" in answer.headers, "no WWW-Authenticate header")
    return "401"


def rate_limit(gateway: Gateway) -> str:
    answer = gateway.ask("/v1/models")
    limit = answer.headers.get("x-ratelimit-limit-requests")
    expect(limit, "no x-ratelimit-limit-requests header")
    return f"{limit} requests at once, {answer.headers.get('x-ratelimit-remaining-requests')} left"


STEPS: list[tuple[str, Callable[[Gateway], str]]] = [
    ("health", health),
    ("the right key", right_key),
    ("a wrong key", wrong_key),
    ("models", models),
    ("chat", chat),
    ("streamed chat", stream),
    ("cache", cache),
    ("rate limit", rate_limit),
]


def main() -> int:
    url = os.environ.get("BASE_URL", "http://localhost:8080").rstrip("/").removesuffix("/v1")
    gateway = Gateway(url, os.environ.get("API_KEY", ""), os.environ.get("MODEL", ""))
    print(f"Testing {gateway.url}")
    passed = failed = skipped = 0
    for name, step in STEPS:
        try:
            print(f"PASS  {name}: {step(gateway)}", flush=True)
            passed += 1
        except Skipped as exc:
            print(f"SKIP  {name}: {exc}")
            skipped += 1
        except Failed as exc:
            print(f"FAIL  {name}: {exc}")
            failed += 1
        except (KeyError, IndexError, TypeError) as exc:
            print(f"FAIL  {name}: an answer of another shape: {exc!r}")
            failed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
