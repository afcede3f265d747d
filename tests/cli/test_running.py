"""What commands make of whatever answers at the gateway's address."""

from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.fakes.raw import Peer, Raw

LINE = b'{"status": "pulling manifest"}\n'


def answering(head: bytes, body: bytes) -> Raw:
    async def serve(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)

    return Raw(serve)


async def test_what_is_no_gateway_is_named_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering(b"Content-Length: 5", b"hello") as other:
        done = await run(capsys, other.url, "models")
    assert (done.status, done.out) == (1, "")
    assert f"What answers at {other.url} is no LlamaGate of this version" in done.err


async def test_an_answer_cut_off_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering(b"Content-Length: 500", b'{"models": [') as cut:
        done = await run(capsys, cut.url, "models")
    assert (done.status, "broke off" in done.err) == (1, True)


@pytest.mark.parametrize("head", [b"Content-Length: 31", b"Transfer-Encoding: chunked"])
async def test_a_pull_without_its_last_line_has_failed(
    capsys: pytest.CaptureFixture[str], head: bytes
) -> None:
    chunked = b"1f\r\n" + LINE + b"\r\n" if b"chunked" in head else LINE
    async with answering(head, chunked) as cut:
        done = await run(capsys, cut.url, "models", "pull", "tinyllama")
    assert (done.status, done.out) == (1, "pulling manifest\n")
    assert "broke off" in done.err and "pull it again" in done.err


async def test_spaces_between_the_lines_of_a_pull_are_signs_of_life(
    capsys: pytest.CaptureFixture[str],
) -> None:
    body = b"   " + LINE + b" " + b'{"status": "success"}\n'
    async with answering(b"Content-Length: %d" % len(body), body) as slow:
        done = await run(capsys, slow.url, "models", "pull", "tinyllama")
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith("tinyllama is there.\n")


async def test_a_certificate_that_cannot_be_read_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TLS_CERT_FILE", "TLS_KEY_FILE"):
        (tmp_path / name).write_text("not a certificate")
        monkeypatch.setenv(name, name)
    done = await run(capsys, "http://127.0.0.1:1", "top")
    assert (done.status, "TLS_CERT_FILE" in done.err) == (1, True)
