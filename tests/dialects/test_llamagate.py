"""What the gateway says of itself: health as documented, life, readiness, and its gauges."""

import asyncio
import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama, Fault

CHAT = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}]}


async def gauges(gateway: Running) -> dict[str, float]:
    async with gateway.session.get(gateway.url + "/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await answer.text()
    return {
        sample.name + "".join(f",{k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def gone(ollama: FakeOllama) -> None:
    """What a probe found is remembered for a second."""
    await ollama.stop()
    await asyncio.sleep(1.05)


# ---------------------------------------------------------------- health


async def test_health_is_as_documented(gateway: Running, ollama: FakeOllama) -> None:
    status, found = await gateway.json("GET", "/health")
    assert status == 200
    documented = {"status": "healthy", "ollama": "connected", "ollama_host": ollama.url}
    assert found | documented == found
    assert "error" not in found


async def test_without_an_engine_it_is_503_as_documented(
    gateway: Running, ollama: FakeOllama
) -> None:
    await gone(ollama)
    async with gateway.session.get(gateway.url + "/health") as answer:
        found = await answer.json()
    assert answer.status == 503
    documented = {
        "status": "unhealthy",
        "error": "Ollama unreachable",
        "ollama_host": ollama.url,
    }
    assert found | documented == found
    assert "ollama" not in found
    assert int(answer.headers["Retry-After"]) >= 1


async def test_it_notices_within_a_second_that_the_engine_is_back(
    gateway: Running, ollama: FakeOllama
) -> None:
    await gone(ollama)
    assert (await gateway.json("GET", "/health"))[0] == 503
    await ollama.start()
    end = time.monotonic() + 2
    while (await gateway.json("GET", "/health"))[0] != 200:
        assert time.monotonic() < end


async def test_an_engine_that_hangs_is_found_out_within_the_timeout(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    ollama.faults["/api/tags"] = Fault.hang()
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, HEALTH_CHECK_TIMEOUT="1s")
    began = time.monotonic()
    status, found = await gateway.json("GET", "/health")
    assert (status, found["status"]) == (503, "unhealthy")
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("fault", [Fault.answer(500), Fault.garbage(), Fault.answer(404, "x")])
async def test_an_engine_that_answers_nonsense_is_not_healthy(
    start_gateway: StartGateway, ollama: FakeOllama, fault: Fault
) -> None:
    ollama.faults["/api/tags"] = fault
    gateway = await start_gateway(OLLAMA_HOST=ollama.url)
    assert (await gateway.json("GET", "/health"))[0] == 503


async def test_any_engine_that_answers_is_enough(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=f"http://127.0.0.1:9,{ollama.url}")
    assert (await gateway.json("GET", "/health"))[0] == 200


async def test_the_address_is_shown_without_what_is_secret_in_it(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY="sk-0123456789abcdef")
    _, found = await gateway.json("GET", "/health")
    assert found["ollama_host"] == ollama.url
    assert "sk-" not in str(found)


async def test_it_is_public_and_has_a_head(start_gateway: StartGateway, ollama: FakeOllama) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, API_KEY="sk-0123456789abcdef")
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        for method in ("GET", "HEAD"):
            async with gateway.session.request(method, gateway.url + path) as answer:
                assert answer.status == 200
                assert bool(await answer.read()) == (method == "GET")


async def test_many_who_ask_share_one_probe(gateway: Running, ollama: FakeOllama) -> None:
    before = len(ollama.seen("/api/tags"))
    for _ in range(20):
        await gateway.json("GET", "/health")
    assert len(ollama.seen("/api/tags")) <= before + 1


# ---------------------------------------------------------------- life and readiness


async def test_the_process_lives_whatever_its_engines_do(
    gateway: Running, ollama: FakeOllama
) -> None:
    assert await gateway.json("GET", "/health/ready") == (200, {"status": "ready"})
    await gone(ollama)
    assert await gateway.json("GET", "/health/live") == (200, {"status": "alive"})
    assert (await gateway.json("GET", "/health/ready"))[0] == 503


async def test_without_an_engine_that_takes_work_it_is_not_ready(gateway: Running) -> None:
    pool = gateway.server.gateway.pool
    pool.drain("ollama")
    status, found = await gateway.json("GET", "/health/ready")
    assert (status, found["error"]["message"]) == (503, "Every engine that answers is drained.")
    pool.undrain("ollama")
    assert (await gateway.json("GET", "/health/ready"))[0] == 200


async def test_who_drains_is_not_ready(gateway: Running) -> None:
    gateway.server.gateway.draining = True
    status, found = await gateway.json("GET", "/health/ready")
    assert (status, found["error"]["message"]) == (503, "The gateway is stopping.")
    assert (await gateway.json("GET", "/health/live"))[0] == 200


# ---------------------------------------------------------------- gauges


async def test_requests_tokens_and_engines_are_counted(gateway: Running) -> None:
    await gateway.json("POST", "/v1/chat/completions", json=CHAT)
    await gateway.json("POST", "/v1/chat/completions", json=CHAT)
    await gateway.json("POST", "/openai/v1/chat/completions", json={})
    found = await gauges(gateway)
    route = "route=/v1/chat/completions"
    assert found[f"llamagate_requests_total,{route},status=200"] == 2
    assert found["llamagate_requests_total,route=/openai/v1/chat/completions,status=400"] == 1
    assert found[f"llamagate_request_seconds_count,{route}"] == 2
    assert found["llamagate_first_token_seconds_count"] == 1
    assert found["llamagate_prompt_tokens_total"] > 0
    assert found["llamagate_completion_tokens_total"] > 0
    assert found["llamagate_cache_total,result=hit"] == 1
    assert found["llamagate_engine_up,engine=ollama"] == 1
    assert found["llamagate_requests_in_flight"] == 0


async def test_nothing_that_a_client_chooses_becomes_a_label(gateway: Running) -> None:
    before = len(await gauges(gateway))
    for number in range(30):
        await gateway.json("GET", f"/nowhere/{number}")
        await gateway.json("GET", f"/v1/models/unknown-{number}")
        await gateway.json("POST", "/v1/chat/completions", json=CHAT | {"model": f"m{number}"})
    found = await gauges(gateway)
    assert not [name for name in found if "unknown-" in name or "m7" in name or "nowhere" in name]
    assert len(found) < before + 100


@pytest.mark.parametrize(("access", "status"), [("public", 200), ("admin", 401), ("off", 404)])
async def test_who_may_see_them_is_a_setting(
    start_gateway: StartGateway, ollama: FakeOllama, access: str, status: int
) -> None:
    keys = {"API_KEY": "sk-0123456789abcdef", "ADMIN_KEY": "sk-admin-0123456789"}
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, METRICS=access, **keys)
    async with gateway.session.get(gateway.url + "/metrics") as answer:
        assert answer.status == status
    if access == "admin":
        for key, allowed in ((keys["API_KEY"], 403), (keys["ADMIN_KEY"], 200)):
            headers = {"X-API-Key": key}
            async with gateway.session.get(gateway.url + "/metrics", headers=headers) as answer:
                assert answer.status == allowed


async def test_what_scrapes_and_probes_is_no_work(gateway: Running) -> None:
    async def seen() -> Any:
        return (await gauges(gateway))["llamagate_requests_in_flight"]

    assert await seen() == 0
