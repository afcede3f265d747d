"""The leaky bucket as clients see it: 429, when to come back, and what is left."""

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama


@pytest.fixture
async def narrow(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(
        OLLAMA_HOST=ollama.url,
        RATE_LIMIT_RPS="",
        RATE_LIMIT="6/minute burst 3",
        API_KEYS="one-0123456,two-0123456",
    )


async def get(
    gateway: Running, path: str = "/v1/models", key: str = "one-0123456"
) -> tuple[int, dict[str, str]]:
    async with gateway.session.get(gateway.url + path, headers={"X-API-Key": key}) as answer:
        await answer.read()
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}


async def test_when_the_bucket_is_full_it_is_429_and_says_when_to_come_back(
    narrow: Running,
) -> None:
    assert [(await get(narrow))[0] for _ in range(4)] == [200, 200, 200, 429]
    url = narrow.url + "/v1/models"
    async with narrow.session.get(url, headers={"X-API-Key": "one-0123456"}) as answer:
        found = (await answer.json())["error"]
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert (found["type"], found["code"]) == ("rate_limit_error", "rate_limit_exceeded")


async def test_every_answer_says_what_is_left(narrow: Running) -> None:
    for left in (2, 1, 0, 0):
        _, headers = await get(narrow)
        assert headers["x-ratelimit-limit-requests"] == "3"
        assert headers["x-ratelimit-remaining-requests"] == str(left)
        assert headers["x-ratelimit-reset-requests"].endswith("s")


async def test_each_key_has_its_own_bucket_for_all_paths_and_prefixes(narrow: Running) -> None:
    for path in ("/v1/models", "/openai/v1/models", "/api/tags"):
        assert (await get(narrow, path))[0] == 200
    assert (await get(narrow))[0] == 429
    assert (await get(narrow, key="two-0123456"))[0] == 200


async def test_what_is_public_and_what_is_refused_is_not_counted(narrow: Running) -> None:
    for path in ("/health", "/metrics", "/", "/nowhere"):
        for _ in range(5):
            assert (await get(narrow, path))[0] in (200, 404)
    for _ in range(5):
        assert (await get(narrow, key="wrong-0123456"))[0] == 401
    assert (await get(narrow))[1]["x-ratelimit-remaining-requests"] == "2"


async def test_bad_requests_count_too(narrow: Running) -> None:
    headers = {"X-API-Key": "one-0123456"}
    for _ in range(3):
        await narrow.json("POST", "/v1/chat/completions", data=b"{", headers=headers)
    assert (await get(narrow))[0] == 429


async def test_limited_requests_are_counted_in_the_gauges(narrow: Running) -> None:
    for _ in range(5):
        await get(narrow)
    async with narrow.session.get(narrow.url + "/metrics") as answer:
        assert "llamagate_limited_requests_total 2.0" in await answer.text()


async def test_the_default_is_ten_a_second(start_gateway: StartGateway, ollama: FakeOllama) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, RATE_LIMIT_RPS="10")
    statuses = [(await get(gateway))[0] for _ in range(15)]
    assert statuses.count(200) in (10, 11, 12)
    assert statuses[:10] == [200] * 10
