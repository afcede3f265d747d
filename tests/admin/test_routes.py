"""The paths under /admin/, asked of a gateway that serves."""

import asyncio
from typing import Any

import pytest

from _llamagate import __version__
from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeModel, FakeOllama, Fault
from tests.fakes.raw import Peer, Raw

ADMIN = {"Authorization": "Bearer the-operators-own-key"}
USER = {"Authorization": "Bearer somebody-elses-key"}
EVERYTHING = [
    ("GET", "/admin/state"),
    ("POST", "/admin/engines/ollama/drain"),
    ("POST", "/admin/engines/ollama/undrain"),
    ("POST", "/admin/engines/ollama/test"),
]


def chat(text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": "llama3.1:8b", "messages": [{"role": "user", "content": text}], **more}


@pytest.fixture
async def keyed(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    """With an administrator, a user, and one slot."""
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url,
        ADMIN_KEY="the-operators-own-key",
        API_KEY="somebody-elses-key",
        SLOTS="1",
    )
    await gateway.json("GET", "/health")  # the engine has been asked
    return gateway


async def state(gateway: Running) -> Any:
    status, found = await gateway.json("GET", "/admin/state", headers=ADMIN)
    assert status == 200, found
    return found


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
async def test_an_ordinary_user_is_refused(keyed: Running, method: str, path: str) -> None:
    status, found = await keyed.json(method, path, headers=USER)
    assert (status, found["error"]["code"]) == (403, "not_allowed")
    status, found = await keyed.json(method, path)
    assert (status, found["error"]["code"]) == (401, "invalid_api_key")


async def test_what_an_idle_gateway_says(keyed: Running, ollama: FakeOllama) -> None:
    found = await state(keyed)
    assert found["version"] == __version__
    assert found["uptime_seconds"] >= 0
    assert (found["requests_in_flight"], found["requests_waiting"]) == (0, 0)
    assert found["lines"] == []
    (engine,) = found["engines"]
    assert (engine["name"], engine["kind"], engine["url"]) == ("ollama", "ollama", ollama.url)
    assert (engine["up"], engine["draining"], engine["reason"]) == (True, False, "")
    assert "llama3.1:8b" in engine["models"]


async def test_who_runs_and_who_waits(keyed: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer(first=30)
    asking = [
        asyncio.ensure_future(
            keyed.json("POST", "/v1/chat/completions", headers=who, json=chat(person, user=person))
        )
        for who, person in ((USER, "ann"), (ADMIN, ""), (USER, "bob"))
    ]
    await ollama.until(lambda: keyed.server.gateway.queue.waiting() == 2)
    found = await state(keyed)
    assert (found["requests_in_flight"], found["requests_waiting"]) == (3, 2)
    (line,) = found["lines"]
    assert (line["engine"], line["model"]) == ("ollama", "llama3.1:8b")
    assert (line["slots"], line["slots_learned"]) == (1, False)
    (running,) = line["running"]
    assert (running["person"], running["priority"]) == ("ann", "interactive")
    assert 0 <= running["seconds"] < 10
    assert {turn["person"] for turn in line["waiting"]} == {"", "bob"}
    assert {"admin"} < {turn["caller"] for turn in line["waiting"]}
    (engine,) = found["engines"]
    assert (engine["running"], engine["waiting"]) == (1, 2)
    for task in asking:
        task.cancel()


async def test_what_is_in_memory_and_how_fast_it_writes(keyed: Running) -> None:
    await keyed.json("POST", "/v1/chat/completions", headers=USER, json=chat())
    found = await state(keyed)
    (engine,) = found["engines"]
    assert [resident["name"] for resident in engine["residents"]] == ["llama3.1:8b"]
    assert engine["tokens_per_second"] > 0
    assert found["totals"]["completion_tokens"] > 0


async def test_a_drained_engine_ends_what_it_has_and_takes_nothing_new(
    keyed: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(pace=0.05)
    running = asyncio.ensure_future(
        keyed.json("POST", "/v1/chat/completions", headers=USER, json=chat())
    )
    await ollama.until(lambda: ollama.running == 1)
    status, found = await keyed.json("POST", "/admin/engines/ollama/drain", headers=ADMIN)
    assert (status, found["draining"], found["running"]) == (200, True, 1)
    status, refusal = await keyed.json(
        "POST", "/v1/chat/completions", headers=USER, json=chat("Something else")
    )
    assert (status, refusal["error"]["code"]) == (503, "no_engine")
    assert (await running)[0] == 200
    status, found = await keyed.json("POST", "/admin/engines/ollama/undrain", headers=ADMIN)
    assert (status, found["draining"]) == (200, False)
    status, _ = await keyed.json(
        "POST", "/v1/chat/completions", headers=USER, json=chat("Something else")
    )
    assert status == 200


async def test_who_waits_for_another_engine_too_does_not_start_at_a_drained_one(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    async with FakeOllama(FakeModel("llama3.1:8b")) as attic:
        gateway = await start_gateway(OLLAMA_HOST=f"{ollama.url},{attic.url}", SLOTS="1")
        await gateway.json("GET", "/health")
        ollama.answer, attic.answer = Answer(first=0.5), Answer(first=0.1)
        asking = [
            asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=chat(text)))
            for text in ("one", "two", "three")
        ]
        await attic.until(lambda: attic.running == 1 and ollama.running == 1)
        await attic.until(lambda: gateway.server.gateway.queue.waiting() == 1)
        _, found = await gateway.json("POST", "/admin/engines/ollama-2/drain")
        assert (found["running"], found["waiting"]) == (1, 0)
        assert [status for status, _ in await asyncio.gather(*asking)] == [200, 200, 200]
    assert (len(attic.generations), len(ollama.generations)) == (1, 2)


@pytest.mark.parametrize("what", ["drain", "undrain", "test"])
async def test_an_engine_that_does_not_exist_is_not_found(keyed: Running, what: str) -> None:
    status, found = await keyed.json("POST", f"/admin/engines/attic/{what}", headers=ADMIN)
    assert (status, found["error"]["code"]) == (404, "not_found")
    assert "attic" in found["error"]["message"]


async def test_an_engine_is_asked_anew_for_a_test(keyed: Running, ollama: FakeOllama) -> None:
    before = len(ollama.seen("/api/tags"))
    status, found = await keyed.json("POST", "/admin/engines/ollama/test", headers=ADMIN)
    assert (status, found["up"], found["reason"]) == (200, True, "")
    assert 0 < found["milliseconds"] < 5000
    assert "llama3.1:8b" in found["models"]
    assert len(ollama.seen("/api/tags")) > before


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Fault.hang(), "within 0.2 s"), (Fault.answer(500, "out of order"), "out of order")],
)
async def test_what_is_wrong_with_an_engine_is_said(
    start_gateway: StartGateway, ollama: FakeOllama, fault: Fault, reason: str
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, HEALTH_CHECK_TIMEOUT="200ms")
    ollama.faults["/api/tags"] = fault
    status, found = await gateway.json("POST", "/admin/engines/ollama/test")
    assert (status, found["up"], found["models"]) == (200, False, [])
    assert reason in found["reason"]


async def test_the_key_of_an_engine_is_not_shown_even_if_the_engine_repeats_it(
    start_gateway: StartGateway,
) -> None:
    secret = "sk-the-engines-own-secret"

    async def repeats(peer: Peer) -> None:
        while True:
            await peer.request()
            body = b'{"error": {"message": "Incorrect API key provided: %s"}}' % secret.encode()
            await peer.send(b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with Raw(repeats) as engine:
        gateway = await start_gateway(
            OLLAMA_HOST="none", OPENAI_ENGINES=f"vllm={engine.url}", VLLM_API_KEY=secret
        )
        _, tested = await gateway.json("POST", "/admin/engines/vllm/test")
        await gateway.json("GET", "/health")
        _, found = await gateway.json("GET", "/admin/state")
        _, refused = await gateway.json("POST", "/v1/chat/completions", json=chat())
    assert secret.encode() in engine.heads[0]
    assert "does not accept our key" in tested["reason"]
    assert "does not accept our key" in found["engines"][0]["reason"]
    for said in (tested, found, refused, gateway.lines()):
        assert secret not in str(said)


async def test_looking_is_not_counted_against_a_rate(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, RATE_LIMIT="2/hour")
    for _ in range(5):
        status, _ = await gateway.json("GET", "/admin/state")
        assert status == 200


async def test_it_stands_on_the_port_of_a_surface_too(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SURFACE_PORTS="egollama:0")
    (_, own), (_, other) = gateway.server.addresses
    for url in (own, other):
        async with gateway.session.get(f"{url}/admin/state") as answer:
            assert (await answer.json())["engines"][0]["name"] == "ollama"
