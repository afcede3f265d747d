"""What commands do where somebody watches: drawing anew, bars, questions, Ctrl-C."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.cli.terminal import InTerminal
from tests.conftest import Running, StartGateway, running_gateway
from tests.fakes.ollama import Answer, FakeOllama


async def test_a_terminal_is_drawn_anew_until_ctrl_c(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1")
    ollama.answer = Answer(first=60)

    def ask(text: str) -> asyncio.Future[object]:
        body = {"model": "llama3.1:8b", "messages": [{"role": "user", "content": text}]}
        return asyncio.ensure_future(gateway.json("POST", "/v1/chat/completions", json=body))

    async with InTerminal(gateway.url, "top") as terminal:
        seen = await terminal.until("Nobody runs and nobody waits.")
        assert seen.startswith("\x1b[?1049h")  # what stood there comes back afterwards
        asking = [ask("one"), ask("two")]
        await terminal.until("waits, place 1")
        assert "\x1b[2J" not in terminal.seen
        assert await terminal.interrupt() == 0
        assert terminal.seen.endswith("\x1b[?1049l")
    for task in asking:
        task.cancel()


async def test_a_gateway_that_is_started_anew_is_followed(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    settings = {"PORT": str(unused_tcp_port)}
    async with AsyncExitStack() as stack:
        async with running_gateway(tmp_path, settings, demo=True) as gateway:
            terminal = await stack.enter_async_context(InTerminal(gateway.url, "top"))
            await terminal.until("Nobody runs")
        await terminal.until("Asking again every second")
        terminal.seen = ""
        async with running_gateway(tmp_path, settings, demo=True):
            await terminal.until("Nobody runs")
            assert await terminal.interrupt() == 0


async def test_a_terminal_sees_a_bar(gateway: Running, ollama: FakeOllama) -> None:
    ollama.pull_pace = 0.05
    async with InTerminal(gateway.url, "models", "pull", "tinyllama") as terminal:
        assert await terminal.ended() == 0
    assert "[####" in terminal.seen
    assert "100%  811 kB of 811 kB" in terminal.seen
    assert terminal.seen.endswith("tinyllama is there.\r\n")


async def test_who_leaves_a_pull_stops_it(gateway: Running, ollama: FakeOllama) -> None:
    ollama.pull_pace = 1.0
    async with InTerminal(gateway.url, "models", "pull", "tinyllama") as terminal:
        await terminal.until("pulling 76c97dd9d76d")
        assert await terminal.interrupt() == 130
    await ollama.until(lambda: ollama.cancelled == 1)
    assert "Traceback" not in terminal.seen


@pytest.mark.parametrize(("answer", "kept"), [("n\n", True), ("\n", True), ("y\n", False)])
async def test_a_terminal_is_asked_before_a_model_is_removed(
    gateway: Running, ollama: FakeOllama, answer: str, kept: bool
) -> None:
    async with InTerminal(gateway.url, "models", "rm", "llama3.2") as terminal:
        await terminal.until("Delete llama3.2 from every engine that has it? [y/N]")
        terminal.type(answer)
        assert await terminal.ended() == (1 if kept else 0)
    assert ("llama3.2:latest" in [model.name for model in ollama.models]) == kept


async def test_a_terminal_that_said_yes_is_not_asked(gateway: Running, ollama: FakeOllama) -> None:
    async with InTerminal(gateway.url, "models", "rm", "llama3.2", "--yes") as terminal:
        assert await terminal.ended() == 0
    assert "[y/N]" not in terminal.seen
