"""What the doctor says of this machine."""

import asyncio
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from _llamagate.cli.doctor import machine
from _llamagate.cli.doctor.finding import Finding
from _llamagate.config import load
from tests.conftest import StartGateway


def look(tmp_path: Path, **environ: str) -> list[Finding]:
    return list(machine.look_at_machine(load({"HOME": str(tmp_path), **environ}, tmp_path)))


def about(findings: list[Finding], subject: str) -> list[Finding]:
    return [finding for finding in findings if finding.subject.startswith(subject)]


def test_a_fresh_machine_is_well(tmp_path: Path, unused_tcp_port: int) -> None:
    findings = look(tmp_path, PORT=str(unused_tcp_port))
    assert {finding.level for finding in findings} == {"ok"}
    assert [finding.subject for finding in findings] == [
        f"port {unused_tcp_port}",
        "key",
        "data folder",
        "clock",
    ]


def test_a_port_that_another_program_has_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (finding,) = about(
            look(tmp_path, SURFACE_PORTS=f"egollama:{port}", HEALTH_CHECK_TIMEOUT="1ms"),
            f"port {port}",
        )
    assert finding.level == "fail"
    assert "SURFACE_PORTS (egollama)" in finding.text


async def test_a_port_where_the_gateway_runs_is_well(
    tmp_path: Path, start_gateway: StartGateway
) -> None:
    gateway = await start_gateway(demo=True)
    port = str(urlsplit(gateway.url).port)
    findings = await asyncio.to_thread(look, tmp_path, PORT=port)
    assert "the gateway runs there" in about(findings, "port")[0].text


def test_an_address_of_another_machine_fails(tmp_path: Path) -> None:
    (finding,) = about(look(tmp_path, HOST="192.0.2.1", API_KEY="a-long-key"), "port")
    assert finding.level == "fail"
    assert "HOST" in finding.text


def test_an_open_door_is_a_warning(tmp_path: Path) -> None:
    (finding,) = about(look(tmp_path, PORT="0", HOST="0.0.0.0", AUTH="off"), "key")
    assert finding.level == "warn"
    assert "AUTH is off" in finding.text


def test_keys_over_the_network_without_https_are_a_warning(tmp_path: Path) -> None:
    first, second = about(look(tmp_path, PORT="0", HOST="0.0.0.0", API_KEY="a-long-key"), "key")
    assert (first.level, second.level) == ("ok", "warn")
    assert "unencrypted" in second.text


def test_a_named_tokens_file_that_is_missing_is_a_warning(tmp_path: Path) -> None:
    findings = about(look(tmp_path, PORT="0", TOKENS_FILE="gone.json"), "key")
    assert [finding.level for finding in findings] == ["ok", "warn"]


def test_a_certificate_that_does_not_belong_to_its_key_fails(tmp_path: Path) -> None:
    authority = trustme.CA()
    one, other = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    one.private_key_pem.write_to_path(tmp_path / "key.pem")
    wrong = look(tmp_path, PORT="0", TLS_CERT_FILE="cert.pem", TLS_KEY_FILE="other.pem")
    assert about(wrong, "certificate")[0].level == "fail"
    right = look(tmp_path, PORT="0", TLS_CERT_FILE="cert.pem", TLS_KEY_FILE="key.pem")
    assert about(right, "certificate")[0].level == "ok"


def test_a_data_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    (finding,) = about(look(tmp_path, PORT="0", DATA_DIR="data"), "data folder")
    assert finding.level == "fail"
    assert "DATA_DIR" in finding.text


def test_a_folder_that_nobody_can_write_to_fails(tmp_path: Path) -> None:
    unwritable = "/proc" if os.path.isdir("/proc") else "/dev"
    (finding,) = about(look(tmp_path, PORT="0", LOG_FILE=f"{unwritable}/gate.log"), "log file")
    assert finding.level == "fail"
    assert "LOG_FILE" in finding.text


def test_looking_makes_no_folder(tmp_path: Path) -> None:
    look(tmp_path, PORT="0", DATA_DIR="data/deep")
    assert not (tmp_path / "data").exists()


def test_a_clock_that_was_never_set_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load({"PORT": "0"}, tmp_path)
    monkeypatch.setattr("time.time", lambda: 1e9)
    assert about(list(machine.look_at_machine(config)), "clock")[0].level == "fail"
