"""What systemd hears from us, on a real datagram socket."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from _llamagate.notify import Notify


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def heard(systemd: socket.socket) -> str:
    return systemd.recv(4096).decode()


def test_each_state_is_said_in_systemds_words(systemd: socket.socket) -> None:
    notify = Notify(systemd.getsockname())
    notify.ready()
    assert heard(systemd) == "READY=1"
    notify.reloading()
    assert heard(systemd).startswith("RELOADING=1\nMONOTONIC_USEC=")
    notify.stopping()
    assert heard(systemd) == "STOPPING=1"


def test_an_address_with_an_at_sign_is_an_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("")  # the kernel chooses an abstract name
        listening.settimeout(5)
        Notify("@" + listening.getsockname()[1:].decode()).ready()
        assert heard(listening) == "READY=1"


async def test_signs_of_life_come_twice_in_the_time_allowed(systemd: socket.socket) -> None:
    beating = asyncio.create_task(Notify(systemd.getsockname(), watchdog=0.2).beat())
    await asyncio.sleep(0.25)
    beating.cancel()
    systemd.setblocking(False)
    assert [heard(systemd), heard(systemd)] == ["WATCHDOG=1", "WATCHDOG=1"]


async def test_without_a_watchdog_nothing_beats(systemd: socket.socket) -> None:
    await asyncio.wait_for(Notify(systemd.getsockname()).beat(), 5)
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        heard(systemd)


def test_a_listener_that_is_gone_is_logged_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notify(str(tmp_path / "nobody")).ready()
    assert [record.message for record in caplog.records] == ["notify_failed"]
    Notify().ready()
    assert len(caplog.records) == 1
