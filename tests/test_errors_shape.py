"""Every way to fail, on every surface: the status, the surface's own shape, and the request id.

The surfaces are taken from the application, so one that is added later has to be added here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama, Fault
from tests.fakes.process import free_port

USER = "sk-user-0123456789"
KEY = {"X-API-Key": USER}
HI = [{"role": "user", "content": "Hi"}]
CHAT = {"messages": HI, "stream": False}


@dataclass(frozen=True)
class Speech:
    """How one asks a surface for an answer, and what its errors look like."""

    path: str
    body: dict[str, Any]
    check: Callable[[dict[str, Any], str, int], None]
    only_json: bool = True  # any other Content-Type is 415
    at_root: bool = True


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


SPEECHES = {
    "llamagate": Speech("/v1/chat/completions", CHAT, openai),
    "openai": Speech("/v1/embeddings", {"input": "x"}, openai),
    "anthropic": Speech("/v1/messages", {**CHAT, "max_tokens": 5}, anthropic),
    "ollama": Speech("/api/chat", CHAT, ollama_shape, only_json=False),
    "egollama": Speech("/generate", {"prompt": "Hi"}, openai),
    "aigateway": Speech("/chat", CHAT, aigateway, only_json=False),
}
PLACES = [
    (prefix, name)
    for name, speech in SPEECHES.items()
    for prefix in ([f"/{name}", ""] if speech.at_root else [f"/{name}"])
]
everywhere = pytest.mark.parametrize(("prefix", "name"), PLACES, ids=lambda x: x or "root")


@dataclass
class Place:
    """A surface where it stands, asked as its clients ask it."""

    gateway: Running
    url: str
    speech: Speech
    name: str

    @property
    def model(self) -> str:
        return "nomic-embed-text" if "input" in self.speech.body else "llama3.2"

    async def refused(self, status: int, url: str = "", method: str = "POST", **how: Any) -> Any:
        """The headers of a refusal that has the right status and shape."""
        if method == "POST" and "data" not in how:
            how["json"] = {"model": self.model, **self.speech.body, **how.pop("fields", {})}
        how.setdefault("headers", KEY)
        async with self.gateway.session.request(method, url or self.url, **how) as answer:
            return await self._checked(answer, status)

    async def _checked(self, answer: aiohttp.ClientResponse, status: int) -> Any:
        text = await answer.text()
        assert answer.status == status, text
        assert answer.content_type == "application/json"
        request_id = answer.headers["X-Request-ID"]
        self.speech.check(await answer.json(), request_id, status)
        assert "Server" not in answer.headers
        if status in (429, 503):
            assert int(answer.headers["Retry-After"]) >= 1
        return answer.headers


@pytest.fixture
async def gate(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(
        OLLAMA_HOST=ollama.url, API_KEY=USER, MAX_BODY_MB="1", TIMEOUT="1s", CACHE="false"
    )


@pytest.fixture
def place(gate: Running, prefix: str, name: str) -> Place:
    speech = SPEECHES[name]
    return Place(gate, gate.url + prefix + speech.path, speech, name)


def test_no_surface_is_forgotten(gateway: Running) -> None:
    table = gateway.server.gateway.surfaces.table
    assert {surface.name for surface in table} == SPEECHES.keys()


@everywhere
async def test_without_a_key_it_is_401(place: Place) -> None:
    for headers in ({}, {"X-API-Key": "wrong"}):
        found = await place.refused(401, headers=headers)
        assert found["WWW-Authenticate"] == "Bearer"


@everywhere
async def test_what_is_not_allowed_is_403(place: Place) -> None:
    await place.refused(403, fields={"model": "somebody:cloud"})


@everywhere
async def test_a_path_that_leads_nowhere_is_404(place: Place) -> None:
    if place.url.endswith(f"/{place.name}{place.speech.path}"):
        nowhere = place.url.removesuffix(place.speech.path) + "/nowhere"
        await place.refused(404, nowhere, "GET")
        await place.refused(404, nowhere + "/at/all", "POST", data=b"{}")


@everywhere
async def test_a_model_that_is_not_there_is_404(place: Place) -> None:
    await place.refused(404, fields={"model": "nobody"})


@everywhere
async def test_a_wrong_method_is_405_and_says_which_is_right(place: Place) -> None:
    for method in ("PUT", "PATCH"):
        found = await place.refused(405, method=method)
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


@everywhere
async def test_an_engine_that_fails_is_502(place: Place, ollama: FakeOllama) -> None:
    for fault in (Fault.error(), Fault.cut(), Fault.garbage()):
        if "input" not in place.speech.body:
            ollama.answer = Answer(fault=fault)
            await place.refused(502)


@everywhere
async def test_an_engine_that_is_busy_or_gone_is_503(place: Place, ollama: FakeOllama) -> None:
    ollama.answer = Answer(fault=Fault.answer(503))
    await place.refused(503)
    await ollama.stop()
    await place.refused(503)


@everywhere
async def test_an_engine_that_is_silent_is_504(place: Place, ollama: FakeOllama) -> None:
    ollama.faults = {path: Fault.hang() for path in ("/api/chat", "/api/generate", "/api/embed")}
    await place.refused(504)


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
    speech = SPEECHES[name]
    place = Place(limited, limited.url + prefix + speech.path, speech, name)
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
    gateway: Running, path: str, shape: Callable[[dict[str, Any], str, int], None]
) -> None:
    async with gateway.session.get(gateway.url + path) as answer:
        assert answer.status == 404
        shape(await answer.json(), answer.headers["X-Request-ID"], 404)


async def test_on_a_port_of_its_own_every_error_is_the_surfaces(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    port = free_port()
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, SURFACE_PORTS=f"ollama:{port}", API_KEY=USER
    )
    for path, status in (("/nowhere", 404), ("/api/chat", 401), ("/v1/chat/completions", 404)):
        url = f"http://127.0.0.1:{port}{path}"
        async with gateway.session.post(url, json={}) as answer:
            assert answer.status == status
            ollama_shape(await answer.json(), answer.headers["X-Request-ID"], status)
