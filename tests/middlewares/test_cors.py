"""Browsers: preflights, origins on every answer, and strangers' pages when no key is asked for."""

from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama

CHAT = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}]}
PAGE = "https://chat.example.com"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os",
}


async def asked(gateway: Running, method: str, path: str, **how: Any) -> tuple[int, dict[str, str]]:
    """The status, and the headers: those of one name as one list."""
    async with gateway.session.request(method, gateway.url + path, **how) as answer:
        await answer.read()
        found = {name: ", ".join(answer.headers.getall(name)) for name in answer.headers}
        return answer.status, found


@pytest.fixture
async def open_to_page(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(OLLAMA_HOST=ollama.url, CORS_ORIGINS=PAGE)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat", "/nowhere", "/health"])
async def test_a_preflight_is_answered_on_every_path(open_to_page: Running, path: str) -> None:
    headers = {"Origin": PAGE, **PREFLIGHT}
    status, found = await asked(open_to_page, "OPTIONS", path, headers=headers)
    assert status == 204
    assert found["Access-Control-Allow-Origin"] == PAGE
    assert found["Access-Control-Allow-Headers"] == PREFLIGHT["Access-Control-Request-Headers"]
    assert {"GET", "POST", "DELETE"} <= set(found["Access-Control-Allow-Methods"].split(", "))
    assert {"Origin", "Access-Control-Request-Headers"} == set(found["Vary"].split(", "))
    assert "Access-Control-Allow-Credentials" not in found


async def test_a_preflight_needs_no_key(start_gateway: StartGateway, ollama: FakeOllama) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, CORS_ORIGINS=PAGE, API_KEY="sk-0123456789"
    )
    headers = {"Origin": PAGE, **PREFLIGHT}
    status, _ = await asked(gateway, "OPTIONS", "/v1/chat/completions", headers=headers)
    assert status == 204
    status, found = await asked(gateway, "GET", "/v1/models", headers={"Origin": PAGE})
    assert (status, found["Access-Control-Allow-Origin"]) == (401, PAGE)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://chat.example.com.evil.org"]
)
async def test_a_preflight_of_a_stranger_is_refused(open_to_page: Running, origin: str) -> None:
    headers = {"Origin": origin, **PREFLIGHT}
    status, found = await asked(open_to_page, "OPTIONS", "/v1/chat/completions", headers=headers)
    assert status == 403
    assert "Access-Control-Allow-Origin" not in found


@pytest.mark.parametrize(
    ("method", "path", "how"),
    [
        ("GET", "/v1/models", {}),
        ("GET", "/nowhere", {}),
        ("PUT", "/v1/models", {}),
        ("GET", "/health", {}),
        ("POST", "/v1/chat/completions", {"json": CHAT}),
        ("POST", "/v1/chat/completions", {"json": CHAT | {"stream": True}}),
        ("POST", "/v1/chat/completions", {"data": b"{"}),
    ],
)
async def test_every_answer_says_who_may_read_it(
    open_to_page: Running, method: str, path: str, how: Any
) -> None:
    headers = {"Origin": PAGE}
    _, found = await asked(open_to_page, method, path, headers=headers, **how)
    assert found["Access-Control-Allow-Origin"] == PAGE
    assert "X-Request-ID" in found["Access-Control-Expose-Headers"]
    assert "Origin" in found["Vary"]


async def test_without_an_origin_nothing_is_said_of_origins(gateway: Running) -> None:
    _, found = await asked(gateway, "GET", "/v1/models")
    assert not [name for name in found if name.startswith("Access-Control")]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS"])
async def test_with_auth_off_a_strangers_page_is_refused_on_every_method(
    gateway: Running, method: str
) -> None:
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    status, found = await asked(gateway, method, "/v1/chat/completions", headers=headers)
    assert status == 403
    assert "Access-Control-Allow-Origin" not in found


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "http://127.0.0.1", "app://obsidian.md", "tauri://localhost"],
)
async def test_pages_and_applications_of_this_machine_may_call(
    gateway: Running, origin: str
) -> None:
    status, found = await asked(gateway, "GET", "/v1/models", headers={"Origin": origin})
    assert (status, found["Access-Control-Allow-Origin"]) == (200, origin)


async def test_a_page_of_our_own_may_call(gateway: Running) -> None:
    headers = {"Origin": gateway.url, "Host": gateway.url.removeprefix("http://")}
    assert (await asked(gateway, "GET", "/v1/models", headers=headers))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", ""])
async def test_with_auth_off_a_foreign_name_is_a_rebinding_attack(
    gateway: Running, host: str
) -> None:
    status, _ = await asked(gateway, "GET", "/v1/models", headers={"Host": host})
    assert status == 403


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host"])
async def test_with_nothing_configured_a_call_through_a_proxy_is_refused(
    gateway: Running, start_gateway: StartGateway, ollama: FakeOllama, name: str
) -> None:
    assert (await asked(gateway, "GET", "/v1/models", headers={name: "1.2.3.4"}))[0] == 403
    wanted = await start_gateway(OLLAMA_HOST=ollama.url, AUTH="off")
    assert (await asked(wanted, "GET", "/v1/models", headers={name: "1.2.3.4"}))[0] == 200


async def test_with_auth_on_names_and_pages_do_not_matter_and_the_key_does(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY="sk-0123456789")
    headers = {"Host": "gate.example.com", "Origin": "https://evil.example"}
    assert (await asked(gateway, "GET", "/v1/models", headers=headers))[0] == 401
    headers["Authorization"] = "Bearer sk-0123456789"
    status, found = await asked(gateway, "GET", "/v1/models", headers=headers)
    assert status == 200
    assert "Access-Control-Allow-Origin" not in found  # the page may not read it
