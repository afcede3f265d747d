"""A prompt that filled its model's context window: the client hears of it."""

from typing import Any

import pytest

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeModel, FakeOllama, Fault

FULL = "x-context-full"
COMMENT = ": the prompt filled the context window"
STREAMS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {},
    "/v1/messages": {"max_tokens": 9},
    "/v1/responses": {},
}


async def ask(gateway: Running, path: str, text: str = "Hi", **more: Any) -> tuple[bool, str]:
    """Is it told in the head? And the body."""
    said = [{"role": "user", "content": text}]
    words = {"input": text} if path == "/v1/responses" else {"messages": said}
    body = {"model": "llama3.2", **words, **more}
    async with gateway.session.post(gateway.url + path, json=body) as answer:
        assert answer.status == 200
        return answer.headers.get(FULL) == "true", await answer.text()


@pytest.mark.parametrize(("tokens", "full"), [(4095, False), (4096, True)])
async def test_a_prompt_that_reaches_the_window_is_reported(
    gateway: Running, ollama: FakeOllama, tokens: int, full: bool
) -> None:
    ollama.answer = Answer(prompt_tokens=tokens)
    for _ in range(2):  # neither the first answer nor a cached one keeps it to itself
        assert (await ask(gateway, "/v1/chat/completions"))[0] is full


async def test_a_prompt_that_was_cut_to_half_the_window_is_reported(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(prompt_tokens=2050)
    assert (await ask(gateway, "/api/chat", "Some words. " * 3000, stream=False))[0]
    assert not (await ask(gateway, "/api/chat", "Some words. " * 1000, stream=False))[0]


async def test_the_window_is_the_one_that_was_asked_for(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(prompt_tokens=300)
    assert (await ask(gateway, "/v1/chat/completions", num_ctx=256))[0]
    assert not (await ask(gateway, "/v1/chat/completions", num_ctx=512))[0]


async def test_a_model_has_no_more_window_than_it_was_made_for(start_gateway: StartGateway) -> None:
    async with FakeOllama(FakeModel("llama3.2", context_length=1024)) as ollama:
        ollama.answer = Answer(prompt_tokens=1024)
        gateway = await start_gateway(OLLAMA_HOST=ollama.url)
        assert (await ask(gateway, "/v1/chat/completions", num_ctx=1000))[0]
        await gateway.json("GET", "/api/ps")  # where the window is told
        assert (await ask(gateway, "/v1/chat/completions", num_ctx=8192))[0]


@pytest.mark.parametrize("path", STREAMS)
async def test_a_stream_says_it_in_a_comment_before_its_end(
    gateway: Running, ollama: FakeOllama, path: str
) -> None:
    ollama.answer = Answer("one two three", pace=0.01, prompt_tokens=4096)
    told, body = await ask(gateway, path, stream=True, **STREAMS[path])
    assert not told
    before, comment, after = body.partition(COMMENT)
    assert comment
    assert "one" in before
    assert "data: " in after
    ollama.answer = Answer("one two three", pace=0.01, prompt_tokens=100)
    assert COMMENT not in (await ask(gateway, path, stream=True, **STREAMS[path]))[1]


async def test_lines_of_json_hold_no_comment(gateway: Running, ollama: FakeOllama) -> None:
    ollama.answer = Answer("one two", pace=0.01, prompt_tokens=4096)
    assert COMMENT not in (await ask(gateway, "/api/chat", stream=True))[1]


async def test_an_engine_that_does_not_say_its_windows_is_believed(
    gateway: Running, ollama: FakeOllama
) -> None:
    ollama.answer = Answer(prompt_tokens=4096)
    ollama.faults["/api/ps"] = Fault.answer(500)
    assert not (await ask(gateway, "/v1/chat/completions"))[0]
