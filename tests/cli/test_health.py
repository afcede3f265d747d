"""`llamagate health`, against gateways that run."""

import asyncio
from urllib.parse import urlsplit

import pytest

from _llamagate.cli import main
from tests.conftest import StartGateway


async def health(url: str) -> int:
    return await asyncio.to_thread(main, ["health", "--port", str(urlsplit(url).port)])


async def test_a_gateway_that_is_well_exits_0(
    start_gateway: StartGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = await start_gateway(demo=True)
    assert await health(gateway.url) == 0
    assert "healthy" in capsys.readouterr().out


async def test_a_gateway_without_an_engine_exits_1(
    start_gateway: StartGateway, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=f"127.0.0.1:{unused_tcp_port}")
    assert await health(gateway.url) == 1
    assert "unhealthy" in capsys.readouterr().err


async def test_no_gateway_exits_1(capsys: pytest.CaptureFixture[str], unused_tcp_port: int) -> None:
    assert await health(f"http://127.0.0.1:{unused_tcp_port}") == 1
    assert "nothing answers" in capsys.readouterr().err
