"""What a stranger is told at `/`, `/docs` and `/api/status`."""

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
KEY = "a-key-of-our-own"


async def page(gateway: Running, path: str = "/", url: str = "") -> tuple[str, dict[str, str]]:
    async with gateway.session.get((url or gateway.url) + path, headers=BROWSER) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        return await answer.text(), dict(answer.headers)


def port(gateway: Running) -> str:
    return gateway.server.addresses[1][1]


async def test_a_program_gets_a_list_of_gateways(gateway: Running) -> None:
    status, found = await gateway.json("GET", "/")
    assert (status, found["name"], found["message"]) == (200, "LlamaGate", "Ollama is running")
    assert set(found["gateways"]) >= {"ollama", "openai", "egollama", "aigateway"}
    for name, told in found["gateways"].items():
        assert told["base_path"].startswith(f"/{name}")
        assert told["status"] == "active"
        assert told["features"]
        assert all(f" /{name}/" in endpoint for endpoint in told["endpoints"])


async def test_model_mappings_are_the_aliases(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, MODEL_ALIASES="gpt-4=llama3.1:8b")
    _, found = await gateway.json("GET", "/")
    assert found["gateways"]["openai"]["model_mappings"] == {"gpt-4": "llama3.1:8b"}
    assert "model_mappings" not in found["gateways"]["ollama"]


async def test_without_an_engine_the_gateways_are_unavailable(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(OLLAMA_HOST="http://127.0.0.1:1")
    _, found = await gateway.json("GET", "/")
    assert {told["status"] for told in found["gateways"].values()} == {"unavailable"}
    assert (await gateway.json("GET", "/api/status"))[1]["status"] == "degraded"
    assert "No engine answers" in (await page(gateway))[0]


async def test_a_browser_gets_a_page_that_runs_nothing(gateway: Running) -> None:
    text, headers = await page(gateway)
    assert f"{gateway.url}/v1" in text
    assert f"{gateway.url}/aigateway" in text
    assert f"OPENAI_BASE_URL={gateway.url}/v1" in text
    assert "<script" not in text
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


async def test_a_host_cannot_write_into_the_page(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY=KEY)
    headers = BROWSER | {"Host": "a<script>alert(1)</script>"}
    async with gateway.session.get(gateway.url, headers=headers) as answer:
        assert "<script" not in await answer.text()


@pytest.mark.parametrize("path", ["/", "/docs", "/api/status"])
async def test_nobody_needs_a_key_to_look(
    start_gateway: StartGateway, ollama: FakeOllama, path: str
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY=KEY, SURFACE_PORTS="aigateway:0")
    for url in (gateway.url, f"{gateway.url}/aigateway", port(gateway)):
        for method in ("GET", "HEAD"):
            async with gateway.session.request(method, url + path) as answer:
                assert answer.status == 200
                text = await answer.text()
                assert KEY not in text
                assert ollama.url not in text


async def test_docs_is_a_page_of_every_path(gateway: Running) -> None:
    text, _ = await page(gateway, "/docs")
    for path in ("POST /v1/chat/completions", "POST /generate", "GET /api/tags", "POST /chat"):
        assert f"<code>{path}</code>" in text


async def test_status_lists_endpoints_and_features_and_ollamas_switch(gateway: Running) -> None:
    status, found = await gateway.json("GET", "/api/status")
    assert (status, found["status"]) == (200, "operational")
    expected = {"POST /generate", "POST /v1/chat/completions", "GET /api/models", "POST /chat"}
    assert expected <= set(found["endpoints"])
    assert found["features"]
    assert found["cloud"] == {"disabled": True, "source": "config"}


async def test_a_port_tells_of_its_own_surface_only(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SURFACE_PORTS="egollama:0")
    async with gateway.session.get(f"{port(gateway)}/api/status") as answer:
        found = await answer.json()
    assert "POST /generate" in found["endpoints"]
    assert not any("/chat " in path or "/tags" in path for path in found["endpoints"])
    async with gateway.session.get(port(gateway)) as answer:
        told = (await answer.json())["gateways"]
    assert list(told) == ["egollama"]
    assert told["egollama"]["base_path"] == "/"
    text, _ = await page(gateway, "/", port(gateway))
    assert port(gateway) in text
    assert "ANTHROPIC_BASE_URL" not in text


async def test_every_endpoint_that_is_told_is_there(gateway: Running) -> None:
    _, status = await gateway.json("GET", "/api/status")
    _, root = await gateway.json("GET", "/")
    told = {path for one in root["gateways"].values() for path in one["endpoints"]}
    for endpoint in sorted(told | set(status["endpoints"])):
        method, path = endpoint.split(" ")
        if "{" in path or method == "*":
            continue
        async with gateway.session.request(method, gateway.url + path) as answer:
            assert "nothing at this path" not in await answer.text(), endpoint
            assert answer.status != 405, endpoint


async def test_ollamas_own_root_and_status_are_under_its_prefix_and_on_its_port(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SURFACE_PORTS="ollama:0")
    for url in (f"{gateway.url}/ollama", port(gateway)):
        async with gateway.session.get(f"{url}/", headers=BROWSER) as answer:
            assert (answer.content_type, await answer.text()) == (
                "text/plain",
                "Ollama is running",
            )
        async with gateway.session.head(f"{url}/") as answer:
            assert answer.status == 200
        async with gateway.session.get(f"{url}/api/status") as answer:
            assert list(await answer.json()) == ["cloud"]
