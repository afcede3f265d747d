"""Every way to fail, in every dialect and wherever it stands: the status, the dialect's own shape,
and the request id.

A test takes the surfaces from the application, so one that is added later has to be added here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import aiohttp
import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama, Fault
from tests.fakes.ollama.script import Kind

USER = "sk-user-0123456789"
KEY = {"X-API-Key": USER}
HI = [{"role": "user", "content": "Hi"}]
CHAT = {"messages": HI, "stream": False}


Shape: TypeAlias = Callable[[dict[str, Any], str, int], None]


@dataclass(frozen=True)
class Speech:
    """How one asks in a dialect for an answer, and what its errors look like."""

    surface: str
    path: str
    body: dict[str, Any]
    check: Shape
    only_json: bool = True  # any other Content-Type is 415
    at_root: bool = True
    streams: bool = True


def openai(found: dict[str, Any], request_id: str, status: int) -> None:
    assert set(found) == {"error"}
    error = found["error"]
    assert set(error) == {"message", "type", "param", "code", "request_id"}
    assert error["message"]
    assert error["request_id"] == request_id
    assert error["type"] == {
        401: "authentication_error",
        403: "permission_error",
        429: "rate_limit_error",
    }.get(status, "invalid_request_error" if status < 500 else "server_error")


def anthropic(found: dict[str, Any], request_id: str, status: int) -> None:
    assert set(found) == {"type", "error", "request_id"}
    assert (found["type"], found["request_id"]) == ("error", request_id)
    assert set(found["error"]) == {"type", "message"}
    assert found["error"]["message"]
    kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
    kinds |= {413: "request_too_large", 429: "rate_limit_error"}
    assert found["error"]["type"] == kinds.get(status, found["error"]["type"])
    assert found["error"]["type"].endswith(("_error", "_too_large"))


def ollama_shape(found: dict[str, Any], request_id: str, status: int) -> None:
    assert set(found) == {"error"}
    assert isinstance(found["error"], str)
    assert found["error"]


def aigateway(found: dict[str, Any], request_id: str, status: int) -> None:
    assert set(found) == {"detail", "error", "request_id"}
    assert found["detail"] == found["error"] != ""
    assert found["request_id"] == request_id


PROMPT = {"prompt": "Hi", "stream": False}
EMBED = {"model": "nomic-embed-text", "input": "x"}
SPEECHES = {
    "chats": Speech("llamagate", "/v1/chat/completions", CHAT, openai),
    "texts": Speech("openai", "/v1/completions", PROMPT, openai),
    "embeddings": Speech("openai", "/v1/embeddings", EMBED, openai, streams=False),
    "responses": Speech("openai", "/v1/responses", {"input": "Hi"}, openai),
    "messages": Speech("anthropic", "/v1/messages", {**CHAT, "max_tokens": 5}, anthropic),
    "ollama chats": Speech("ollama", "/api/chat", CHAT, ollama_shape, only_json=False),
    "ollama texts": Speech("ollama", "/api/generate", PROMPT, ollama_shape, only_json=False),
    "ollama embeddings": Speech(
        "ollama", "/api/embed", EMBED, ollama_shape, only_json=False, streams=False
    ),
    "egollama texts": Speech("egollama", "/generate", {"prompt": "Hi"}, openai, streams=False),
    "egollama chats": Speech("egollama", "/v1/chat/completions", CHAT, openai, at_root=False),
    "aigateway chats": Speech("aigateway", "/chat", CHAT, aigateway, only_json=False),
    "aigateway texts": Speech(
        "aigateway", "/generate", PROMPT, aigateway, only_json=False, at_root=False
    ),
}
PLACES = [
    (prefix, name)
    for name, speech in SPEECHES.items()
    for prefix in ([f"/{speech.surface}", ""] if speech.at_root else [f"/{speech.surface}"])
]
everywhere = pytest.mark.parametrize(("prefix", "name"), PLACES, ids=lambda x: x or "root")
under_prefix = pytest.mark.parametrize(
    ("prefix", "name"), [place for place in PLACES if place[0]], ids=str
)


@dataclass
class Place:
    """Where a dialect stands, asked as its clients ask it."""

    gateway: Running
    root: str
    speech: Speech

    @property
    def forms(self) -> tuple[bool, ...]:
        """Streamed or not."""
        return (False, True) if self.speech.streams else (False,)

    async def refused(
        self, status: int, method: str = "POST", path: str | None = None, **how: Any
    ) -> Any:
        """The headers of a refusal that has the right status and shape."""
        if method == "POST" and "data" not in how:
            how["json"] = {"model": "llama3.2", **self.speech.body, **how.pop("fields", {})}
        how["headers"] = {**how.get("headers", KEY), "X-Request-ID": f"mine-{status}"}
        url = self.root + (self.speech.path if path is None else path)
        async with self.gateway.session.request(method, url, **how) as answer:
            return await self._checked(answer, status)

    async def _checked(self, answer: aiohttp.ClientResponse, status: int) -> Any:
        text = await answer.text()
        assert answer.status == status, text
        assert answer.content_type == "application/json"
        assert answer.headers["X-Request-ID"] == f"mine-{status}"
        self.speech.check(await answer.json(), f"mine-{status}", status)
        assert "Server" not in answer.headers
        if status in (429, 503):
            assert int(answer.headers["Retry-After"]) >= 1
        return answer.headers


@pytest.fixture
async def gate(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(
        OLLAMA_HOST=ollama.url,
        API_KEY=USER,
        MAX_BODY_MB="1",
        TIMEOUT="1s",
        CACHE="false",
        SLOTS="64",
    )


@pytest.fixture
def place(gate: Running, prefix: str, name: str) -> Place:
    return Place(gate, gate.url + prefix, SPEECHES[name])


def test_no_surface_is_forgotten(gateway: Running) -> None:
    table = gateway.server.gateway.surfaces.table
    assert {surface.name for surface in table} == {one.surface for one in SPEECHES.values()}


@everywhere
async def test_without_a_key_it_is_401(place: Place) -> None:
    for headers in ({}, {"X-API-Key": "wrong"}):
        found = await place.refused(401, headers=headers)
        assert found["WWW-Authenticate"] == "Bearer"


@everywhere
async def test_what_is_not_allowed_is_403(place: Place) -> None:
    await place.refused(403, fields={"model": "somebody:cloud"})


@under_prefix
async def test_a_path_that_leads_nowhere_is_404(place: Place) -> None:
    await place.refused(404, "GET", "/nowhere")
    await place.refused(404, "POST", "/nowhere/at/all", data=b"{}")


@everywhere
async def test_a_model_that_is_not_there_is_404(place: Place) -> None:
    await place.refused(404, fields={"model": "nobody"})


@everywhere
async def test_a_wrong_method_is_405_and_says_which_is_right(place: Place) -> None:
    for method in ("PUT", "PATCH"):
        found = await place.refused(405, method)
        assert "POST" in found["Allow"].split(", ")


@everywhere
async def test_a_bad_body_is_400(place: Place) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    for data in (b"", b"{", b"[]", b'{"model":5}'):
        await place.refused(400, data=data, headers=headers)


@everywhere
async def test_a_large_body_is_413(place: Place) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    await place.refused(413, data=BytesIO(b" " * 1_100_000), headers=headers)


@everywhere
async def test_another_type_is_415_where_only_json_is_read(place: Place) -> None:
    headers = {**KEY, "Content-Type": "text/plain"}
    await place.refused(415 if place.speech.only_json else 400, data=b"{", headers=headers)


@under_prefix
@pytest.mark.parametrize("kind", ["error", "cut", "silent", "garbage"])
async def test_an_engine_that_fails_is_502(place: Place, ollama: FakeOllama, kind: Kind) -> None:
    ollama.answer = Answer(fault=Fault(kind, body=b"<html>"))
    if "input" in place.speech.body and place.speech.surface != "responses":
        ollama.faults["/api/embed"] = Fault(kind, body=b"<html>")
    for stream in place.forms:
        await place.refused(502, fields={"stream": stream})


@under_prefix
async def test_an_engine_that_is_busy_or_gone_is_503(place: Place, ollama: FakeOllama) -> None:
    ollama.answer = Answer(fault=Fault.answer(503))
    for stream in place.forms:
        await place.refused(503, fields={"stream": stream})
    await ollama.stop()
    for stream in place.forms:
        await place.refused(503, fields={"stream": stream})


async def test_who_finds_the_queue_full_is_told_so_with_503(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1", QUEUE_LIMIT="1")
    ollama.answer = Answer(first=30)
    url = f"{gateway.url}/api/chat"
    body = {"model": "llama3.2", **CHAT}
    first, second = [
        asyncio.ensure_future(gateway.session.post(url, json={**body, "options": {"seed": seed}}))
        for seed in (1, 2)
    ]
    await ollama.until(lambda: gateway.server.gateway.queue.waiting() == 1)
    for prefix, name in PLACES:
        place = Place(gateway, gateway.url + prefix, SPEECHES[name])
        if "model" not in place.speech.body:  # an embedding's model has a queue of its own
            for stream in place.forms:
                await place.refused(503, fields={"stream": stream})
    for waiting in (first, second):
        waiting.cancel()


async def test_an_engine_that_is_silent_is_504(gate: Running, ollama: FakeOllama) -> None:
    ollama.faults = {path: Fault.hang() for path in ("/api/chat", "/api/generate", "/api/embed")}
    places = [Place(gate, gate.url + prefix, SPEECHES[name]) for prefix, name in PLACES]
    await asyncio.gather(
        *(
            place.refused(504, fields={"stream": stream})
            for place in places
            for stream in place.forms
        )
    )


@everywhere
async def test_a_loop_is_508(place: Place) -> None:
    await place.refused(508, headers={**KEY, "X-LlamaGate-Hops": "8"})


@everywhere
async def test_too_many_are_429(
    start_gateway: StartGateway, ollama: FakeOllama, prefix: str, name: str
) -> None:
    limited = await start_gateway(
        OLLAMA_HOST=ollama.url, API_KEY=USER, RATE_LIMIT_RPS="", RATE_LIMIT="1/minute burst 1"
    )
    place = Place(limited, limited.url + prefix, SPEECHES[name])
    await place.refused(404, fields={"model": "nobody"})
    found = await place.refused(429)
    assert found["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/nowhere", openai),
        ("/nowhere", openai),
        ("/v1/messages/nowhere", anthropic),
        ("/ollama/nowhere", ollama_shape),
        ("/anthropic/v1/nowhere", anthropic),
        ("/aigateway/nowhere", aigateway),
        ("/egollama/nowhere", openai),
    ],
)
async def test_a_path_that_leads_nowhere_has_the_shape_of_whom_it_seems_meant_for(
    gateway: Running, path: str, shape: Shape
) -> None:
    async with gateway.session.get(gateway.url + path) as answer:
        assert answer.status == 404
        shape(await answer.json(), answer.headers["X-Request-ID"], 404)


async def test_on_a_port_of_its_own_every_error_is_the_surfaces(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    names = {speech.surface for speech in SPEECHES.values()}
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, API_KEY=USER, SURFACE_PORTS=",".join(f"{n}:0" for n in names)
    )
    ports = dict(gateway.server.addresses[1:])
    for speech in SPEECHES.values():
        place = Place(gateway, ports[speech.surface], speech)
        await place.refused(401, headers={})
        await place.refused(400, data=b"{", headers={**KEY, "Content-Type": "application/json"})
        await place.refused(404, fields={"model": "nobody"})
        await place.refused(404, path="/nowhere")
        assert (await place.refused(405, "PUT"))["Allow"] == "POST"


async def test_who_speaks_openais_or_anthropics_api_to_ollamas_port_is_told_in_its_shape(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY=USER, SURFACE_PORTS="ollama:0")
    for name in ("chats", "texts", "embeddings", "responses", "messages"):
        place = Place(gateway, dict(gateway.server.addresses[1:])["ollama"], SPEECHES[name])
        await place.refused(401, headers={})
        await place.refused(404, fields={"model": "nobody"})
        await place.refused(405, "PUT")
