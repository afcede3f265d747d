"""Where surfaces stand: under prefixes, at the root, on ports of their own."""

from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama

HI = {"model": "llama3.1:8b", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
PROMPT = {"model": "llama3.1:8b", "prompt": "Hi", "stream": False}
KEY = "a-key-of-our-own"
NAMES = ("llamagate", "openai", "anthropic", "ollama", "egollama", "aigateway")


def port_of(gateway: Running, name: str) -> str:
    """The address of a surface's own port."""
    return next(url for surface, url in gateway.server.addresses[1:] if surface == name)


async def on_port(
    gateway: Running, name: str, method: str, path: str, **how: Any
) -> tuple[int, Any]:
    async with gateway.session.request(method, port_of(gateway, name) + path, **how) as answer:
        if answer.content_type == "application/json":
            return answer.status, await answer.json()
        return answer.status, await answer.text()


@pytest.fixture
async def ported(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    ports = ",".join(f"{name}:0" for name in NAMES)
    return await start_gateway(OLLAMA_HOST=ollama.url, SURFACE_PORTS=ports)


ASKED = [
    ("llamagate", "/v1/chat/completions", HI, "choices"),
    ("openai", "/v1/chat/completions", HI, "choices"),
    ("anthropic", "/v1/messages", HI | {"max_tokens": 9}, "content"),
    ("ollama", "/api/chat", HI, "message"),
    ("ollama", "/v1/chat/completions", HI, "choices"),
    ("ollama", "/v1/responses", {"model": "llama3.1:8b", "input": "Hi"}, "output"),
    ("ollama", "/v1/messages", HI | {"max_tokens": 9}, "content"),
    ("egollama", "/generate", PROMPT, "generated_text"),
    ("egollama", "/v1/chat/completions", HI, "choices"),
    ("aigateway", "/generate", PROMPT, "response"),
    ("aigateway", "/chat", HI, "response"),
    ("aigateway", "/api/chat", HI, "response"),
]


@pytest.mark.parametrize(("name", "path", "body", "field"), ASKED)
async def test_a_surface_stands_under_its_prefix_and_on_its_port(
    ported: Running, name: str, path: str, body: dict[str, Any], field: str
) -> None:
    status, found = await ported.json("POST", f"/{name}{path}", json=body)
    assert (status, field in found) == (200, True), found
    status, found = await on_port(ported, name, "POST", path, json=body)
    assert (status, field in found) == (200, True), found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/metrics"])
async def test_health_and_metrics_stand_at_every_root(
    ported: Running, name: str, path: str
) -> None:
    for url in (ported.url, f"{ported.url}/{name}", port_of(ported, name)):
        async with ported.session.get(url + path) as answer:
            assert answer.status == 200
        async with ported.session.head(url + path) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        ("ollama", "/tags"),
        ("openai", "/api/tags"),
        ("egollama", "/api/tags"),
        ("egollama", "/chat"),
        ("aigateway", "/v1/models"),
        ("aigateway", "/aigateway/tags"),
        ("anthropic", "/v1/chat/completions"),
    ],
)
async def test_a_port_knows_no_other_surface(ported: Running, name: str, foreign: str) -> None:
    status, _ = await on_port(ported, name, "POST", foreign, json=HI)
    assert status == 404


async def test_in_ollamas_place_each_api_has_its_own_errors(ported: Running) -> None:
    wrong = {"model": "nope", "messages": HI["messages"], "max_tokens": 9}
    status, found = await on_port(ported, "ollama", "POST", "/v1/chat/completions", json=wrong)
    assert (status, found["error"]["code"]) == (404, "model_not_found")
    status, found = await on_port(ported, "ollama", "POST", "/v1/messages", json=wrong)
    assert (status, found["error"]["type"]) == (404, "not_found_error")
    status, found = await on_port(ported, "ollama", "POST", "/api/chat", json=wrong)
    assert (status, list(found)) == (404, ["error"])
    assert isinstance(found["error"], str)


async def test_at_the_root_ollamas_paths_are_ollamas(gateway: Running) -> None:
    status, found = await gateway.json("POST", "/api/chat", json=HI)
    assert (status, "response" in found) == (200, False)
    status, found = await gateway.json("POST", "/api/chat", json={"messages": 1})
    assert (status, list(found)) == (400, ["error"])
    status, found = await gateway.json("POST", "/chat", json=HI)
    assert (status, "response" in found) == (200, True)


@pytest.mark.parametrize(
    ("style", "field"),
    [(None, "generated_text"), ("egollama", "generated_text"), ("aigateway", "response")],
)
async def test_whose_generate_is_at_the_root_is_for_the_operator_to_say(
    start_gateway: StartGateway, ollama: FakeOllama, style: str | None, field: str
) -> None:
    chosen = {"GENERATE_STYLE": style} if style else {}
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, **chosen)
    status, found = await gateway.json("POST", "/generate", json=PROMPT)
    assert (status, field in found) == (200, True)
    refused = await gateway.json("POST", "/generate", json={"prompt": 1})
    assert (refused[0], "detail" in refused[1]) == (400, style == "aigateway")


async def test_the_same_keys_are_asked_for_everywhere(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    ports = "aigateway:0,egollama:0,ollama:0"
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY=KEY, SURFACE_PORTS=ports)
    for name, path in (("aigateway", "/tags"), ("egollama", "/api/models"), ("ollama", "/api/ps")):
        for headers, expected in (({}, 401), ({"Authorization": f"Bearer {KEY}"}, 200)):
            status, _ = await on_port(gateway, name, "GET", path, headers=headers)
            assert status == expected
            status, _ = await gateway.json("GET", f"/{name}{path}", headers=headers)
            assert status == expected
    status, _ = await on_port(gateway, "ollama", "GET", "/admin/state")
    assert status == 401


@pytest.mark.parametrize(
    ("path", "method", "field"),
    [
        ("/nothing", "GET", "error"),
        ("/api/nothing", "GET", "error"),
        ("/aigateway/nothing", "GET", "detail"),
        ("/aigateway/chat", "GET", "detail"),
        ("/chat", "GET", "detail"),
        ("/tags", "POST", "detail"),
        ("/v1/messages", "GET", "type"),
        ("/ollama/v1/messages", "GET", "type"),
        ("/api/models", "POST", "error"),
        ("/egollama/generate", "GET", "error"),
    ],
)
async def test_a_wrong_path_or_method_has_the_shape_of_its_dialect(
    gateway: Running, path: str, method: str, field: str
) -> None:
    async with gateway.session.request(method, gateway.url + path) as answer:
        assert answer.status == (404 if "nothing" in path else 405)
        assert ("Allow" in answer.headers) == (answer.status == 405)
        assert field in await answer.json()


# ------------------------------------------------------------ how much


async def allowed(gateway: Running, url: str, path: str, body: dict[str, Any]) -> int:
    """How many requests at once an account has there."""
    async with gateway.session.post(url + path, json=body) as answer:
        return int(answer.headers["x-ratelimit-limit-requests"])


async def test_a_documents_limit_holds_on_prefix_and_port_until_the_operator_sets_one(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    places = {"OLLAMA_HOST": ollama.url, "SURFACE_PORTS": "egollama:0"}
    gateway = await start_gateway(**places, RATE_LIMIT_RPS="")
    own = port_of(gateway, "egollama")
    assert await allowed(gateway, gateway.url, "/egollama/generate", PROMPT) == 100
    assert await allowed(gateway, own, "/v1/chat/completions", HI) == 100
    assert await allowed(gateway, gateway.url, "/generate", PROMPT) == 10
    assert await allowed(gateway, gateway.url, "/v1/chat/completions", HI) == 10
    for chosen in ({"RATE_LIMIT_RPS": "7"}, {"RATE_LIMIT_RPS": "", "RATE_LIMIT": "7/second"}):
        gateway = await start_gateway(**places, **chosen)
        own = port_of(gateway, "egollama")
        assert await allowed(gateway, own, "/generate", PROMPT) == 7


async def test_a_style_that_is_named_brings_its_documents_limit_to_the_root(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    for style, expected in (("egollama", 100), ("aigateway", 10)):
        gateway = await start_gateway(
            OLLAMA_HOST=ollama.url, GENERATE_STYLE=style, RATE_LIMIT_RPS=""
        )
        assert await allowed(gateway, gateway.url, "/generate", PROMPT) == expected
        assert await allowed(gateway, gateway.url, "/v1/chat/completions", HI) == 10


async def test_one_bucket_is_for_prefix_port_and_root(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, SURFACE_PORTS="egollama:0", RATE_LIMIT="3/hour", RATE_LIMIT_RPS=""
    )
    places = [gateway.url, f"{gateway.url}/egollama", port_of(gateway, "egollama")]
    for url, expected in zip([*places, gateway.url], (200, 200, 200, 429), strict=True):
        async with gateway.session.post(f"{url}/generate", json=PROMPT) as answer:
            assert answer.status == expected
    async with gateway.session.get(f"{gateway.url}/health") as answer:
        assert answer.status == 200
