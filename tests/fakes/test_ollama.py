"""The fake Ollama behaves as the real one does, where tests of ours depend on it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.fakes.ollama import Answer, Call, FakeModel, FakeOllama, Fault
from tests.fakes.recorded import load

HELLO = [{"role": "user", "content": "Hello there"}]
SLOW = Answer("one two three four five", pace=5)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as fake:
        yield fake


@pytest.fixture
async def client(fake: FakeOllama) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(fake.url) as session:
        yield session


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "llama3.2", "messages": HELLO, **more}


async def lines(client: aiohttp.ClientSession, **more: Any) -> list[dict[str, Any]]:
    async with client.post("/api/chat", json=chat(**more)) as response:
        assert response.status == 200, await response.text()
        return [json.loads(line) for line in (await response.text()).splitlines()]


async def refusal(client: aiohttp.ClientSession, **more: Any) -> tuple[int, str]:
    async with client.post("/api/chat", json=chat(**more)) as response:
        return response.status, (await response.json())["error"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_is_noticed_between_pieces(
    fake: FakeOllama, client: aiohttp.ClientSession, stream: bool
) -> None:
    fake.answer = SLOW
    request = asyncio.ensure_future(client.post("/api/chat", json=chat(stream=stream)))
    await fake.until(lambda: fake.running == 1)
    if stream:
        (await request).close()
    else:
        request.cancel()
    left = time.perf_counter()
    await fake.until(lambda: fake.cancelled == 1)
    assert time.perf_counter() - left < 0.2
    assert fake.running == 0
    assert fake.finished == 0


async def test_runs_beyond_its_slots_wait_without_a_byte(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    fake.answer = Answer("one two three", pace=0.02)
    await asyncio.gather(*(lines(client) for _ in range(3)))
    assert fake.most["llama3.2:latest"] == 1
    assert fake.finished == 3


async def test_a_client_that_leaves_while_it_waits_is_noticed(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    fake.answer = SLOW
    first = await client.post("/api/chat", json=chat())
    second = asyncio.ensure_future(client.post("/api/chat", json=chat()))
    await fake.until(lambda: fake.waiting == 1)
    second.cancel()
    await fake.until(lambda: fake.cancelled == 1)
    assert (fake.waiting, fake.running) == (0, 1)
    first.close()


async def test_the_client_whose_load_it_was_aborts_it() -> None:
    async with FakeOllama(load_time=5) as fake, aiohttp.ClientSession(fake.url) as client:
        request = asyncio.ensure_future(client.post("/api/chat", json=chat()))
        await fake.until(lambda: fake.loads["llama3.2:latest"] == 1)
        request.cancel()
        await fake.until(lambda: fake.cancelled == 1)
        assert fake.loaded == []


async def test_a_queue_of_loads_that_is_full_is_503() -> None:
    async with (
        FakeOllama(load_time=5, max_queue=1) as fake,
        aiohttp.ClientSession(fake.url) as client,
    ):
        request = asyncio.ensure_future(client.post("/api/chat", json=chat()))
        await fake.until(lambda: fake.loads["llama3.2:latest"] == 1)
        status, text = await refusal(client)
        request.cancel()
    assert (status, text) == (503, json.loads(load("errors/queue-full").answer)["error"])


async def test_another_num_ctx_loads_the_model_again(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    for options in ({}, {"num_ctx": 512}, {"num_ctx": 512}, {}, {"num_ctx": 1024}):
        await lines(client, options=options)
    assert fake.loads["llama3.2:latest"] == 3


async def test_keep_alive_decides_what_ps_lists(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    await lines(client)
    assert fake.loaded == ["llama3.2:latest"]
    await lines(client, keep_alive=0)
    assert fake.loaded == []
    await lines(client, keep_alive=-1)
    async with client.get("/api/ps") as response:
        (entry,) = (await response.json())["models"]
    assert entry["expires_at"] > "2200"


async def test_the_last_spelling_of_a_key_wins(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    raw = b'{"model":"allowed","MODEL":"qwen3","Messages":[{"ROLE":"user","content":"x"}]} junk'
    async with client.post("/api/chat", data=raw) as response:
        assert (await response.content.readline()).startswith(b'{"model":"qwen3"')
    assert fake.requests[-1].body["model"] == "qwen3"


@pytest.mark.parametrize(
    "spelling",
    ["llama3.2", "LLAMA3.2:Latest", " llama3.2 ", "library/llama3.2", "llama3.2:latest:local"]
    + ["registry.ollama.ai/library/llama3.2:latest", "https://registry.ollama.ai/library/llama3.2"],
)
async def test_a_model_has_many_spellings(client: aiohttp.ClientSession, spelling: str) -> None:
    assert (await lines(client, model=spelling))[-1]["model"] == spelling


@pytest.mark.parametrize(
    ("more", "status", "message"),
    [
        ({"model": "nope"}, 404, "model 'nope' not found"),
        ({"model": "gpt-oss:120b-cloud"}, 403, "ollama cloud is disabled"),
        ({"model": "/x"}, 400, "invalid model name"),
        ({"model": ""}, 400, "model is required"),
        ({"model": "nomic-embed-text"}, 400, '"nomic-embed-text" does not support chat'),
        ({"think": True}, 400, '"llama3.2" does not support thinking'),
        ({"model": "qwen3", "think": 1}, 400, "invalid think value"),
        ({"options": {"num_ctx": "big"}}, 500, 'option "num_ctx" must be of type integer'),
        ({"options": {"stop": "x"}}, 500, 'option "stop" must be of type array'),
        ({"format": "xml"}, 500, "invalid format"),
        ({"keep_alive": "soon"}, 400, 'invalid duration "soon"'),
        ({"messages": [{"role": "user", "content": [{}]}]}, 400, "cannot unmarshal array"),
    ],
)
async def test_it_refuses_what_ollama_refuses(
    client: aiohttp.ClientSession, more: dict[str, Any], status: int, message: str
) -> None:
    found, text = await refusal(client, **more)
    assert found == status
    assert message in text


async def test_a_thinking_model_thinks_unless_told_not_to(client: aiohttp.ClientSession) -> None:
    assert (await lines(client, model="qwen3"))[0]["message"]["thinking"] == "Let me"
    assert "thinking" not in (await lines(client, model="qwen3", think=False))[0]["message"]


@pytest.mark.parametrize("rendered", [False, True])
async def test_tool_calls_come_where_the_path_has_them(rendered: bool) -> None:
    model = FakeModel("tools:latest", rendered=rendered)
    answer = Answer("Checking.", tool_calls=(Call("f", {"a": 1}),))
    async with (
        FakeOllama(model, answer=answer) as fake,
        aiohttp.ClientSession(fake.url) as client,
    ):
        *_, early, last = await lines(client, model="tools")
    assert ("tool_calls" in early["message"]) is rendered
    assert ("tool_calls" in last["message"]) is not rendered


async def test_an_error_before_the_first_piece_has_a_status(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    fake.script += [Answer(fault=Fault.error()), Answer(fault=Fault.error(1))]
    assert (await refusal(client))[0] == 500
    piece, failure = await lines(client)
    assert piece["message"]["content"] == "Hello"
    assert "unexpected EOF" in failure["error"]


@pytest.mark.parametrize("pieces", [0, 2])
async def test_a_silent_end_is_clean(
    fake: FakeOllama, client: aiohttp.ClientSession, pieces: int
) -> None:
    fake.script.append(Answer(fault=Fault.silent(pieces)))
    assert [line["done"] for line in await lines(client)] == [False] * pieces


async def test_a_cut_breaks_the_connection_and_is_nobodys_leaving(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    fake.script += [Answer(fault=Fault.cut(1)), Answer(fault=Fault.cut())]
    with pytest.raises(aiohttp.ClientPayloadError):
        await lines(client)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await lines(client)
    assert fake.cancelled == 0
    assert fake.running == 0


async def test_it_can_stop_and_come_back_on_its_port(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    await fake.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get("/")
    await fake.start()
    async with client.get("/") as response:
        assert await response.text() == "Ollama is running"


async def test_a_path_can_be_made_to_fail(fake: FakeOllama, client: aiohttp.ClientSession) -> None:
    fake.faults["/api/tags"] = Fault.answer(500, "boom")
    async with client.get("/api/tags") as response:
        assert (response.status, await response.json()) == (500, {"error": "boom"})


@pytest.mark.parametrize("name", ["meta/not-found", "meta/method-not-allowed", "meta/root-get"])
async def test_plain_text_answers_are_ollamas(client: aiohttp.ClientSession, name: str) -> None:
    recording = load(name)
    async with client.request(recording.request["method"], recording.path) as response:
        assert response.status == recording.status
        assert await response.read() == recording.answer
        assert response.headers["Content-Type"] == recording.headers["Content-Type"]


async def test_pull_copy_and_delete_change_the_list(
    fake: FakeOllama, client: aiohttp.ClientSession
) -> None:
    async with client.post("/api/pull", json={"model": "new"}) as response:
        assert (await response.text()).endswith('{"status":"success"}\n')
    copied = {"source": "new", "destination": "me/other:v2"}
    assert (await client.post("/api/copy", json=copied)).status == 200
    assert (await client.delete("/api/delete", json={"model": "new"})).status == 200
    assert (await client.delete("/api/delete", json={"model": "new"})).status == 404
    names = [model.name for model in fake.models]
    assert "me/other:v2" in names
    assert "new:latest" not in names
