"""One GET with the standard library, against servers that do well and badly."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from _llamagate.cli.ask import NoAnswer, ask, unverified
from tests.conftest import StartGateway
from tests.fakes.raw import Peer, Raw


async def test_our_own_https_is_asked_whatever_its_certificate_says(
    tmp_path: Path, start_gateway: StartGateway
) -> None:
    certificate = trustme.CA().issue_cert("gateway.example")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    gateway = await start_gateway(demo=True, TLS_CERT_FILE="cert.pem", TLS_KEY_FILE="key.pem")
    assert gateway.url.startswith("https://")
    answer = await asyncio.to_thread(ask, f"{gateway.url}/health", 5.0, tls=unverified())
    assert answer.fields()["status"] == "healthy"
    strict = ssl.create_default_context()
    with pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
        await asyncio.to_thread(ask, f"{gateway.url}/health", 5.0, tls=strict)


async def test_what_is_no_http_is_no_answer() -> None:
    async def chatter(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"220 mail.example ESMTP\r\n")

    async with Raw(chatter) as server:
        with pytest.raises(NoAnswer):
            await asyncio.to_thread(ask, server.url, 5.0)


async def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    async def engine(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    async with Raw(engine) as server:
        answer = await asyncio.to_thread(ask, server.url, 5.0)
    assert answer.status == 200
    assert answer.fields() == {}  # a list is no object


async def test_silence_ends_in_time() -> None:
    async with Raw(Peer.hang) as server:
        with pytest.raises(NoAnswer, match="no answer in time"):
            await asyncio.to_thread(ask, server.url, 0.05)
