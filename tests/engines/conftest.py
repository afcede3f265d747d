"""The HTTP clients are tested on both loops they may run on."""

import asyncio
import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trustme

from tests.engines.ways import Way


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    loops: dict[str, Callable[[], AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name.startswith("test_http"):
        try:
            import uvloop
        except ImportError:  # there is none for Windows
            pass
        else:
            loops["uvloop"] = uvloop.new_event_loop
    return loops


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    ca = trustme.CA()
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    ca.cert_pem.write_to_path(file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1", "::1", "localhost").configure_cert(context)
    return file, context


@pytest.fixture(params=["lean", "session", "tls"])
def way(request: pytest.FixtureRequest, authority: tuple[Path, ssl.SSLContext]) -> Way:
    file, context = authority
    return Way(request.param, str(file), context)
