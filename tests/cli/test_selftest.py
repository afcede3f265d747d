"""`llamagate selftest`, as it runs in the built executable too."""

import asyncio

import pytest

from _llamagate.cli import main
from _llamagate.cli.selftest import _wrong_with
from tests.conftest import StartGateway


def test_it_asks_every_surface_and_exits_0(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "no port at all")  # no setting of the machine is read
    assert main(["selftest"]) == 0
    said = capsys.readouterr().out
    assert "llamagate: /llamagate/v1/models" in said
    assert "FAIL" not in said


async def test_an_answer_that_is_none_is_told(
    start_gateway: StartGateway, unused_tcp_port: int
) -> None:
    gateway = await start_gateway(demo=True, API_KEY="sk-right-key-0123456789")

    async def asked(url: str) -> str:
        return await asyncio.to_thread(_wrong_with, url, "sk-wrong-key", None)

    assert (await asked(f"{gateway.url}/v1/models")).startswith("status 401")
    assert await asked(f"http://127.0.0.1:{unused_tcp_port}/health") == "Connection refused"
