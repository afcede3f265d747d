"""Keys: every form of a credential, and what those hear who have none."""

from base64 import b64encode

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama

KEY = "sk-correct-horse-battery"
ADMIN = "sk-administrator-0123"


@pytest.fixture
async def locked(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(OLLAMA_HOST=ollama.url, API_KEY=KEY, ADMIN_KEY=ADMIN)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": KEY},
        {"x-api-key": KEY},
        {"api-key": KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer  {KEY} "},
        {"Authorization": f"BEARER {KEY}"},
        {"Authorization": f"ApiKey {KEY}"},
        basic("anybody", KEY),
        basic("", KEY),
        {"X-API-Key": KEY, "Authorization": "Bearer wrong"},  # the first that is present decides
    ],
    ids=str,
)
async def test_a_key_is_good_in_every_form(locked: Running, headers: dict[str, str]) -> None:
    assert (await locked.json("GET", "/v1/models", headers=headers))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"X-API-Key": "wrong"},
        {"X-API-Key": KEY.upper()},
        {"X-API-Key": KEY + " x"},
        {"Authorization": KEY},
        {"Authorization": "Bearer"},
        {"Authorization": f"Digest {KEY}"},
        {"Authorization": "Basic !!!"},
        basic(KEY, "wrong"),
        {"X-API-Key": "wrong", "Authorization": f"Bearer {KEY}"},
        {"Cookie": f"key={KEY}"},
    ],
    ids=str,
)
async def test_without_a_good_one_it_is_401(locked: Running, headers: dict[str, str]) -> None:
    url = locked.url + "/v1/models"
    async with locked.session.get(url, headers=headers) as answer:
        found = (await answer.json())["error"]
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert (found["type"], found["code"]) == ("authentication_error", "invalid_api_key")
    assert found["request_id"] == answer.headers["X-Request-ID"]
    assert "X-API-Key" in found["message"] or "Ask whoever runs it" in found["message"]


async def test_a_key_in_the_query_is_none(locked: Running) -> None:
    assert (await locked.json("GET", f"/v1/models?api_key={KEY}"))[0] == 401


async def test_who_may_not_administrate_is_403(locked: Running) -> None:
    for key, status in ((KEY, 403), (ADMIN, 200)):
        headers = {"X-API-Key": key}
        body = {"source": "llama3.1:8b", "destination": "copied"}
        assert (await locked.json("POST", "/api/copy", json=body, headers=headers))[0] == status


async def test_many_guesses_are_429_and_the_good_key_still_works(locked: Running) -> None:
    statuses = []
    for number in range(15):
        headers = {"X-API-Key": f"guess-{number}"}
        async with locked.session.get(locked.url + "/v1/models", headers=headers) as answer:
            statuses.append(answer.status)
    assert statuses == [401] * 10 + [429] * 5
    assert int(answer.headers["Retry-After"]) >= 1
    assert (await locked.json("GET", "/v1/models", headers={"X-API-Key": KEY}))[0] == 200


async def test_an_answer_behind_a_key_is_nobody_elses(locked: Running) -> None:
    headers = {"X-API-Key": KEY}
    async with locked.session.get(locked.url + "/v1/models", headers=headers) as answer:
        assert answer.headers["Cache-Control"] == "private, no-store"
    body = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    url = locked.url + "/v1/chat/completions"
    async with locked.session.post(url, json=body, headers=headers) as answer:
        kept = answer.headers["Cache-Control"]
        assert "no-cache" in kept
        assert "private" in kept


async def test_with_nothing_configured_a_key_that_is_sent_all_the_same_is_ignored(
    gateway: Running,
) -> None:
    headers = {"Authorization": "Bearer whatever"}
    assert (await gateway.json("GET", "/v1/models", headers=headers))[0] == 200


async def test_the_log_says_who_and_never_with_what(locked: Running) -> None:
    for key in (KEY, ADMIN, "planted-wrong-key"):
        await locked.json("GET", "/v1/models?k=planted-query", headers={"X-API-Key": key})
    assert [line["caller"][:4] for line in locked.lines()[-3:]] == ["key-", "admi", ""]
    written = locked.log.getvalue().decode()
    assert not [secret for secret in (KEY, ADMIN, "planted") if secret in written]
