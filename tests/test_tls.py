"""The listeners' certificate: served, renewed, and never dropped for one that does not fit."""

import ssl
from pathlib import Path

import aiohttp
import pytest
import trustme

from _llamagate.config import ConfigError
from _llamagate.tls import Certificate
from tests.conftest import StartGateway
from tests.fakes.ollama import FakeOllama


def _write(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    chain, key = folder / "chain.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    return chain, key


async def _health(url: str, authority: trustme.CA) -> int:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(f"{url}/health") as answer,
    ):
        return answer.status


async def test_it_serves_https_and_takes_up_a_new_certificate(
    start_gateway: StartGateway, ollama: FakeOllama, tmp_path: Path
) -> None:
    old, new = trustme.CA(), trustme.CA()
    chain, key = _write(old, tmp_path)
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, TLS_CERT_FILE=str(chain), TLS_KEY_FILE=str(key)
    )
    assert gateway.url.startswith("https://")
    assert await _health(gateway.url, old) == 200

    _write(new, tmp_path)
    gateway.server.reload(gateway.server.config)

    assert await _health(gateway.url, new) == 200
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await _health(gateway.url, old)


async def test_a_half_written_pair_leaves_the_old_one_in_force(
    start_gateway: StartGateway, ollama: FakeOllama, tmp_path: Path
) -> None:
    authority = trustme.CA()
    chain, key = _write(authority, tmp_path)
    gateway = await start_gateway(
        OLLAMA_HOST=ollama.url, TLS_CERT_FILE=str(chain), TLS_KEY_FILE=str(key)
    )
    key.write_text("half a key")

    gateway.server.reload(gateway.server.config)

    assert await _health(gateway.url, authority) == 200


def test_files_that_are_no_certificate_are_named_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TLS_CERT_FILE"):
        Certificate(tmp_path / "none.pem", tmp_path / "none.key")
