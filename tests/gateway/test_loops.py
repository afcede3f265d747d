"""Gateways that have each other, or themselves, among their engines."""

import asyncio
import socket
import time
from typing import Any

import pytest

from tests.conftest import Running, StartGateway, running_gateway
from tests.fakes.ollama import Answer, FakeOllama

HI = [{"role": "user", "content": "Hi"}]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def engine(name: str, port: int, kind: str = "ollama", more: str = "") -> str:
    url = f"http://127.0.0.1:{port}"
    return f'[[engines]]\nname = "{name}"\nkind = "{kind}"\nurl = "{url}"\n{more}\n'


async def ask(gateway: Running, path: str = "/v1/chat/completions", **more: Any) -> tuple[int, Any]:
    body = {"model": "tiny", "messages": HI, "input": "x", **more}
    return await gateway.json("POST", path, json=body)


async def known(gateway: Running) -> None:
    """It has asked its engine since it listens itself."""
    pool = gateway.server.gateway.pool
    async with asyncio.timeout(5):
        while "refused" in pool.engines[0].error:
            pool.forget()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/api/chat"])
async def test_a_gateway_that_is_its_own_engine_says_so_at_once(
    start_gateway: StartGateway, kind: str, path: str
) -> None:
    port = free_port()
    toml = engine("me", port, kind, 'models = ["tiny"]')
    gateway = await start_gateway(PORT=str(port), SLOTS="1", toml=toml)
    await known(gateway)
    began = time.monotonic()
    status, found = await ask(gateway, path)
    assert status == 508
    assert "has itself" in str(found)
    assert time.monotonic() - began < 2  # and waits for no slot that it holds itself


async def test_a_real_engine_steps_in_where_one_leads_back(start_gateway: StartGateway) -> None:
    port = free_port()
    async with FakeOllama("tiny") as ollama:
        toml = engine("me", port, more="weight = 1000") + engine("real", ollama.port)
        gateway = await start_gateway(PORT=str(port), SLOTS="1", toml=toml)
        await known(gateway)
        for _ in range(3):
            assert (await ask(gateway, cache=False))[0] == 200


async def test_two_gateways_may_stand_in_for_each_other(
    start_gateway: StartGateway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mine, other = free_port(), free_port()
    async with FakeOllama("tiny") as ollama:
        ollama.answer = Answer("from the real one")
        toml = engine("other", other) + engine("real", ollama.port)
        first = await start_gateway(PORT=str(mine), SLOTS="1", toml=toml)
        folder = tmp_path_factory.mktemp("other")
        settings = {"PORT": str(other), "SLOTS": "1"}
        async with running_gateway(folder, settings, toml=engine("first", mine)) as second:
            await known(first)
            for gateway in (first, second, first, second):
                gateway.server.gateway.pool.forget()
                began = time.monotonic()
                status, listed = await gateway.json("GET", "/api/tags")
                assert time.monotonic() - began < 0.9  # nobody waits for who waits for them
                assert (status, [one["name"] for one in listed["models"]]) == (200, ["tiny"])
                status, answer = await ask(gateway, "/api/chat", stream=False)
                assert (status, answer["message"]["content"]) == (200, "from the real one")
            await ollama.stop()
            status, _ = await ask(second, "/api/chat", stream=False, options={"seed": 1})
            assert status in (503, 508)
