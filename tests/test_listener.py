"""The socket: what is no HTTP, what is in it stays between us, and nothing says what runs here."""

import asyncio
from io import BytesIO

import orjson
import pytest

from _llamagate import connection
from _llamagate.door import client
from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama
from tests.fakes.process import process

SECRET = "sk-planted-0123456789"
HOST = b"Host: localhost\r\n"
MALFORMED = {
    "a bad Authorization line": b"GET / HTTP/1.1\r\n%bAuthorization Bearer %b\r\n\r\n",
    "a control character in it": b"GET / HTTP/1.1\r\n%bAuthorization: Bearer \x01%b\r\n\r\n",
    "a name with a space": b"GET / HTTP/1.1\r\n%bX-API Key: %b\r\n\r\n",
    "a bad query": b"GET /v1/models?api_key=\x00%b HTTP/1.1\r\n%b\r\n",
    "a query with a space": b"GET /v1/models?api_key= %b HTTP/1.1\r\n%b\r\n",
    "a bad method": b"G@T /?k=%b HTTP/1.1\r\n%b\r\n",
    "a bad version": b"GET /?k=%b HTTP/9.7\r\n%b\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n%bContent-Length: 1\r\nContent-Length: 2\r\nX: %b\r\n\r\n",
    "a length and chunks": b"POST / HTTP/1.1\r\n%bContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\nX: %b\r\n\r\n",
    "a length that is none": b"POST / HTTP/1.1\r\n%bContent-Length: 0x1\r\nX: %b\r\n\r\n",
    "a chunk that is none": b"POST /v1/x HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%b\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 %b %b\r\n\r\n",
    "a header without an end": b"GET / HTTP/1.1\r\n%bX: %b" + b"x" * 20_000 + b"\r\n\r\n",
    "a packing that nobody knows": b"POST / HTTP/1.1\r\n%bContent-Encoding: zstd\r\nX: %b\r\n"
    b"Content-Length: 1\r\n\r\nx",
}


def filled(pattern: bytes) -> bytes:
    """The secret goes where no Host is."""
    before, _, _ = pattern.partition(b"%b")
    host_first = before.endswith(b"\r\n")
    values = (HOST, SECRET.encode()) if host_first else (SECRET.encode(), HOST)
    return pattern % values


async def answered(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()


def port_of(gateway: Running) -> int:
    return int(gateway.url.rpartition(":")[2])


@pytest.mark.parametrize("pattern", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_no_http_gets_a_bare_400(gateway: Running, pattern: bytes) -> None:
    head, _, body = (await answered(port_of(gateway), filled(pattern))).partition(b"\r\n\r\n")
    assert head.split()[1] == b"400"
    assert b"application/json" in head
    assert orjson.loads(body)["error"]["message"] == "This is no HTTP request that can be read."
    assert (await gateway.json("GET", "/health/live"))[0] == 200


async def test_secrets_in_malformed_requests_appear_nowhere(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("gate")
    async with process(folder, "--demo", LOG_FILE="gate.log", DEBUG="true") as gate:
        answers = [await answered(gate.port, filled(pattern)) for pattern in MALFORMED.values()]
        async with gate.session.get(f"{gate.url}/v1/models?api_key={SECRET}") as answer:
            answers.append(await answer.read())
        async with gate.session.get(f"{gate.url}/nowhere?api_key={SECRET}") as answer:
            answers.append(await answer.read())
        written = [gate.out, gate.err, (folder / "gate.log").read_bytes()]
    assert not [text for text in answers + written if b"planted" in text]


async def test_no_answer_says_what_runs_here(gateway: Running) -> None:
    for request in (
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"nonsense\r\n\r\n",
    ):
        head = (await answered(port_of(gateway), request)).partition(b"\r\n\r\n")[0].lower()
        assert b"server:" not in head
        assert b"aiohttp" not in head
        assert b"python" not in head


async def test_a_request_that_never_ends_does_not_hold_up_others(gateway: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    assert (await gateway.json("GET", "/v1/models"))[0] == 200
    writer.close()


async def test_one_connection_serves_request_after_request(gateway: Running) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    found = await answered(port_of(gateway), request * 4 + last)
    assert found.count(b"HTTP/1.1 200 OK") == 5


async def test_a_client_of_http_1_0_is_answered(gateway: Running) -> None:
    found = await answered(
        port_of(gateway), b"GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n"
    )
    assert found.startswith(b"HTTP/1.0 200 OK")


async def test_a_body_of_a_hundred_megabytes_is_413_before_it_is_sent(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url)
    for path in ("/v1/chat/completions", "/v1/embeddings", "/api/chat", "/v1/messages"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 104857600\r\n\r\n".encode())
        async with asyncio.timeout(2):
            answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413")
        writer.close()


async def test_a_client_that_sends_it_all_the_same_hears_the_413(gateway: Running) -> None:
    headers = {"Content-Type": "application/json"}
    url = f"{gateway.url}/v1/chat/completions"
    async with gateway.session.post(
        url, data=BytesIO(b" " * 60_000_000), headers=headers
    ) as answer:
        assert answer.status == 413
        assert (await answer.json())["error"]["code"] == "request_too_large"


async def test_who_asks_first_whether_to_send_it_hears_the_413_instead(gateway: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
    writer.write(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/json\r\nContent-Length: 104857600\r\n\r\n"
    )
    async with asyncio.timeout(2):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_who_asks_first_is_told_to_go_on(gateway: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
    body = orjson.dumps({"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}]})
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode())
    async with asyncio.timeout(2):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(body)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for door in (client, connection):
        monkeypatch.setattr(door, "OPENING", 0.1)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: local"])
async def test_who_says_nothing_does_not_stay(
    gateway: Running, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    hurry(monkeypatch)
    assert await answered(port_of(gateway), begun) == b""


async def test_who_has_asked_may_stay(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
    for _ in range(2):
        writer.write(b"GET /health/live HTTP/1.1\r\n%b\r\n" % HOST)
        assert b'"alive"' in await reader.read(4096)
        await asyncio.sleep(0.15)
    writer.close()


async def test_hundreds_who_come_together_are_all_answered(gateway: Running) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answers = await asyncio.gather(*(answered(port_of(gateway), request) for _ in range(300)))
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


async def test_a_listener_that_stopped_takes_nobody_in(gateway: Running) -> None:
    port = port_of(gateway)
    await answered(port, b"nonsense\r\n\r\n")
    await gateway.server.drain()
    with pytest.raises(ConnectionRefusedError):
        await answered(port, b"nonsense\r\n\r\n")
