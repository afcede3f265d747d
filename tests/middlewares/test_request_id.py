"""Request ids: the client's where it is sane, ours where not, and the same everywhere."""

import pytest

from tests.conftest import Running
from tests.fakes.ollama import FakeOllama

CHAT = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}]}
PATHS = ("/health", "/v1/models", "/nowhere", "/api/tags", "/", "/metrics")


@pytest.mark.parametrize(
    "sent", ["a", "550e8400-e29b-41d4-a716-446655440000", "A.b_c-9", "x" * 128]
)
async def test_a_sane_id_is_kept(gateway: Running, sent: str) -> None:
    for path in PATHS:
        headers = {"X-Request-ID": sent}
        async with gateway.session.get(gateway.url + path, headers=headers) as answer:
            assert answer.headers["X-Request-ID"] == sent


@pytest.mark.parametrize(
    "sent", ["", " ", "x" * 129, "a b", "a\tb", 'a"b', "a;b", "é", "<script>", "${jndi:ldap}"]
)
async def test_another_is_replaced_and_nowhere_repeated(gateway: Running, sent: str) -> None:
    headers = {"X-Request-ID": sent}
    async with gateway.session.get(gateway.url + "/nowhere", headers=headers) as answer:
        found = answer.headers["X-Request-ID"]
        assert found.startswith("req_")
        assert (await answer.json())["error"]["request_id"] == found
    assert gateway.lines()[-1]["request_id"] == found


async def test_each_request_without_one_gets_its_own(gateway: Running) -> None:
    found = set()
    for _ in range(3):
        async with gateway.session.get(gateway.url + "/health/live") as answer:
            found.add(answer.headers["X-Request-ID"])
    assert len(found) == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_it_is_in_answer_log_and_at_the_engine(
    gateway: Running, ollama: FakeOllama, stream: bool
) -> None:
    url = gateway.url + "/v1/chat/completions"
    headers = {"X-Request-ID": "mine-1"}
    async with gateway.session.post(url, json=CHAT | {"stream": stream}, headers=headers) as answer:
        assert answer.headers["X-Request-ID"] == "mine-1"
        await answer.read()
    assert ollama.generations[-1].headers["x-request-id"] == "mine-1"
    assert gateway.lines()[-1]["request_id"] == "mine-1"


async def test_none_of_the_clients_other_headers_reaches_the_engine(
    gateway: Running, ollama: FakeOllama
) -> None:
    headers = {"Cookie": "a=b", "X-Api-Key": "sk-1", "X-Custom": "x", "Authorization": "Bearer y"}
    headers |= {"User-Agent": "me", "Referer": "https://example.com", "Accept-Language": "de"}
    url = gateway.url + "/v1/chat/completions"
    async with gateway.session.post(url, json=CHAT, headers=headers) as answer:
        assert answer.status == 200
    sent = ollama.generations[-1].headers
    assert sent.keys() & {name.lower() for name in headers} - {"user-agent"} == set()
    assert "me" not in sent.values()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/api/chat"])
async def test_a_loop_of_gateways_ends(gateway: Running, ollama: FakeOllama, path: str) -> None:
    body = CHAT | {"input": "x", "model": "nomic-embed-text"} if "embed" in path else CHAT
    headers = {"X-LlamaGate-Hops": "3"}
    async with gateway.session.post(gateway.url + path, json=body, headers=headers) as answer:
        assert answer.status == 200
    assert ollama.requests[-1].headers["x-llamagate-hops"] == "4"
    headers = {"X-LlamaGate-Hops": "8"}
    async with gateway.session.post(gateway.url + path, json=body, headers=headers) as answer:
        assert answer.status == 508
        assert "has itself" in (await answer.text())


@pytest.mark.parametrize("sent", ["", "-1", "x", "1e3", "99999", "²"])
async def test_hops_that_are_no_number_are_none(gateway: Running, sent: str) -> None:
    url = gateway.url + "/v1/chat/completions"
    headers = {"X-LlamaGate-Hops": sent}
    async with gateway.session.post(url, json=CHAT, headers=headers) as answer:
        assert answer.status == 200
