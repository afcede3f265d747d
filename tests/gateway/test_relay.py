"""What is relayed: which engine, with what, for whom; and what the gateway knows afterwards."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from yarl import URL

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama, Fault
from tests.fakes.raw import Peer, Raw

USER, ADMIN = "sk-user-0123456789", "sk-admin-0123456789"
DATA = b"GGUF" + bytes(range(256)) * 40_000  # 10 MB
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture
async def two(start_gateway: StartGateway) -> AsyncIterator[tuple[Running, FakeOllama, FakeOllama]]:
    """A gateway with the keys of a user and an administrator, and two Ollama engines."""
    async with (
        FakeOllama("a:latest", "both:latest") as one,
        FakeOllama("b:latest", "both") as other,
    ):
        toml = "".join(
            f'[[engines]]\nname = "{name}"\nurl = "{fake.url}"\n'
            for name, fake in (("one", one), ("other", other))
        )
        gateway = await start_gateway(
            toml=toml, OLLAMA_HOST="none", API_KEY=USER, ADMIN_KEY=ADMIN, MAX_BODY_MB="1"
        )
        gateway.session.headers["Authorization"] = f"Bearer {ADMIN}"
        yield gateway, one, other


async def lines(gateway: Running, path: str, **body: Any) -> list[dict[str, Any]]:
    async with gateway.session.post(f"{gateway.url}{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "application/x-ndjson"
        return [orjson.loads(line) for line in (await answer.read()).splitlines()]


async def tags(gateway: Running) -> list[str]:
    _, found = await gateway.json("GET", "/api/tags")
    return sorted(model["name"] for model in found["models"])


Two = tuple[Running, FakeOllama, FakeOllama]


# ---------------------------------------------------------------- pull, push, create


async def test_a_pull_tells_how_far_it_is_and_the_model_is_there(two: Two) -> None:
    gateway, one, other = two
    found = await lines(gateway, "/api/pull", model="new")
    assert found[0] == {"status": "pulling manifest"}
    assert found[-1] == {"status": "success"}
    assert {line["total"] for line in found if "total" in line} == {810_656}
    assert "new:latest" in await tags(gateway)
    (seen,) = one.seen("/api/pull")
    assert seen.json == {"model": "new", "stream": True}
    assert not other.seen("/api/pull")


async def test_nothing_of_the_client_goes_along_but_the_id_of_its_request(two: Two) -> None:
    gateway, one, _ = two
    headers = {"X-Request-ID": "mine-1", "Cookie": "a=b", "X-Custom": "c", "User-Agent": "me/1"}
    async with gateway.session.post(
        f"{gateway.url}/api/pull", json={"model": "new"}, headers=headers
    ) as answer:
        await answer.read()
    sent = one.seen("/api/pull")[0].headers
    assert sent.keys() <= {
        *("host", "content-type", "content-length"),
        *("x-request-id", "x-llamagate-hops", "x-llamagate-via"),
    }
    assert (sent["x-request-id"], sent["x-llamagate-hops"]) == ("mine-1", "1")


@pytest.mark.parametrize("path", ["/api/pull", "/api/push", "/api/create"])
async def test_who_wants_no_stream_gets_the_last_word(two: Two, path: str) -> None:
    gateway, one, _ = two
    body = {"model": "a", "from": "a", "stream": False}
    body.pop("from") if path != "/api/create" else None
    assert await gateway.json("POST", path, json=body) == (200, {"status": "success"})
    assert one.seen(path)[0].json["stream"] is True


async def test_a_pull_that_fails(two: Two) -> None:
    gateway, _, _ = two
    *_, last = await lines(gateway, "/api/pull", model="absent")
    assert last == {"error": "pull model manifest: file does not exist"}
    status, found = await gateway.json(
        "POST", "/api/pull", json={"model": "absent", "stream": False}
    )
    assert (status, found) == (502, {"error": "pull model manifest: file does not exist"})


async def test_a_client_that_leaves_ends_its_pull(two: Two) -> None:
    gateway, one, _ = two
    one.pull_pace = 0.2
    async with gateway.session.post(f"{gateway.url}/api/pull", json={"model": "new"}) as answer:
        await answer.content.readline()
        answer.close()
    await one.until(lambda: one.cancelled == 1, timeout=1.0)
    asking = asyncio.ensure_future(
        gateway.json("POST", "/api/pull", json={"model": "new", "stream": False})
    )
    await one.until(lambda: len(one.seen("/api/pull")) == 2)
    asking.cancel()
    await one.until(lambda: one.cancelled == 2, timeout=1.0)


async def test_a_create_and_its_refusal(two: Two) -> None:
    gateway, one, _ = two
    found = await lines(gateway, "/api/create", model="mine", **{"from": "a", "system": "Hm."})
    assert found[-1] == {"status": "success"}
    assert one.seen("/api/create")[0].json["system"] == "Hm."
    assert "mine:latest" in await tags(gateway)
    status, refused = await gateway.json("POST", "/api/create", json={"model": "mine"})
    assert (status, refused) == (400, {"error": "neither 'from' or 'files' was specified"})


async def test_an_administrator_may_choose_the_engine(two: Two) -> None:
    gateway, one, other = two
    await lines(gateway, "/api/pull?engine=other", model="new")
    assert (len(one.seen("/api/pull")), len(other.seen("/api/pull"))) == (0, 1)
    status, found = await gateway.json("POST", "/api/pull?engine=none", json={"model": "new"})
    assert (status, found.keys()) == (404, {"error"})


async def test_a_push_goes_to_who_has_the_model(two: Two) -> None:
    gateway, one, other = two
    assert (await lines(gateway, "/api/push", model="b"))[-1] == {"status": "success"}
    assert (len(one.seen("/api/push")), len(other.seen("/api/push"))) == (0, 1)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/pull", {"model": "evil.com/a/b"}),
        ("POST", "/api/pull", {"model": "a", "insecure": True}),
        ("POST", "/api/pull", {"model": "a", "INSECURE": True}),
        ("POST", "/api/push", {"model": "127.0.0.1:80/a/b"}),
        ("POST", "/api/create", {"model": "a", "from": "evil.com/a/b"}),
        ("POST", "/api/create", {"model": "a", "files": {"a": "../../etc/passwd"}}),
        ("POST", "/api/copy", {"source": "a", "destination": "evil.com/a/b"}),
        ("DELETE", "/api/delete", {"model": "../a"}),
        ("POST", "/api/blobs/sha256:..%2F..%2Fetc%2Fpasswd", {}),
        ("HEAD", "/api/blobs/sha256:00", {}),
    ],
)
async def test_what_would_lead_out_of_the_house_never_reaches_an_engine(
    two: Two, method: str, path: str, body: dict[str, Any]
) -> None:
    gateway, one, other = two
    status, _ = await gateway.json(method, path, json=body)
    assert status == 400
    assert {seen.path for seen in one.requests + other.requests} <= {"/api/tags", "/api/ps"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/pull", {"model": "big:cloud"}),
        ("/api/create", {"model": "a", "from": "big:120b-cloud"}),
        ("/api/create", {"model": "a", "from": "b", "remote_host": "https://ollama.com"}),
        ("/api/copy", {"source": "a", "destination": "x:cloud"}),
    ],
)
async def test_models_that_run_elsewhere_are_for_the_operator_to_allow(
    two: Two, path: str, body: dict[str, Any]
) -> None:
    gateway, one, _ = two
    status, found = await gateway.json("POST", path, json=body)
    assert status == 403
    assert "cloud_models" in found["error"]
    assert not one.seen(path)


# ---------------------------------------------------------------- copy, delete, blobs


async def test_a_copy_is_made_where_its_source_is(two: Two) -> None:
    gateway, one, other = two
    asked = {"source": "b", "destination": "c"}
    assert await gateway.json("POST", "/api/copy", json=asked) == (200, None)
    assert not one.seen("/api/copy")
    assert "c:latest" in await tags(gateway)
    status, found = await gateway.json("POST", "/api/copy", json={**asked, "source": "gone"})
    assert (status, found) == (404, {"error": 'model "gone" not found'})


async def test_a_model_is_deleted_wherever_it_is(two: Two) -> None:
    gateway, one, other = two
    assert await gateway.json("DELETE", "/api/delete", json={"model": "both"}) == (200, None)
    assert [len(fake.seen("/api/delete")) for fake in (one, other)] == [1, 1]
    assert await tags(gateway) == ["a:latest", "b:latest"]
    status, found = await gateway.json("DELETE", "/api/delete", json={"name": "both"})
    assert (status, found) == (404, {"error": "model 'both' not found"})


async def test_answers_of_a_model_that_changed_are_forgotten(two: Two) -> None:
    gateway, one, _ = two
    asked = {"model": "a", "prompt": "Hi", "stream": False}
    for _ in range(2):
        await gateway.json("POST", "/api/generate", json=asked)
    assert len(one.generations) == 1
    await lines(gateway, "/api/create", model="a", **{"from": "both"})
    await gateway.json("POST", "/api/generate", json=asked)
    assert len(one.generations) == 2


async def test_a_blob_larger_than_any_limit_goes_through(two: Two) -> None:
    gateway, one, other = two
    url = f"{gateway.url}/api/blobs/{DIGEST}"

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(DATA), 100_000):
            yield DATA[at : at + 100_000]

    for expected in (404, 200):
        async with gateway.session.head(url) as answer:
            assert answer.status == expected
        async with gateway.session.post(url, data=pieces()) as answer:
            assert answer.status == (201 if expected == 404 else 200)
    assert one.blobs == {DIGEST: DATA}
    assert not other.requests or not other.blobs
    wrong = f"{gateway.url}/api/blobs/sha256:{'0' * 64}"
    async with gateway.session.post(wrong, data=b"x") as answer:
        assert (answer.status, await answer.json()) == (400, {"error": "digest mismatch"})


async def test_a_client_that_leaves_in_the_middle_of_a_blob_ends_it(
    start_gateway: StartGateway,
) -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def engine(peer: Peer) -> None:
        await peer.head()
        if b"/api/blobs/" in peer.heads[-1]:
            await peer.reader.readuntil(b"first")
            arrived.set()
            await peer.gone()
            gone.set()
        await peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async with Raw(engine) as raw:
        gateway = await start_gateway(OLLAMA_HOST=raw.url)
        url = f"{gateway.url}/api/blobs/{DIGEST}"
        sending = asyncio.ensure_future(gateway.session.post(url, data=pieces()))
        await asyncio.wait_for(arrived.wait(), 5)
        sending.cancel()
        await asyncio.wait_for(gone.wait(), 1)
        await asyncio.sleep(0)
    assert gateway.lines()[-1]["status"] == 499


async def test_an_administrator_of_some_models_changes_no_others(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    toml = (
        '[roles.keeper]\nadmin = true\nmodels = ["mine*"]\n'
        f'[keys.kim]\nsha256 = "{hashlib.sha256(ADMIN.encode()).hexdigest()}"\nrole = "keeper"\n'
    )
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, toml=toml)
    gateway.session.headers["Authorization"] = f"Bearer {ADMIN}"
    for method, path, body in (
        ("POST", "/api/pull", {"model": "llama3.2"}),
        ("POST", "/api/push", {"model": "llama3.2"}),
        ("POST", "/api/create", {"model": "llama3.2", "from": "mine"}),
        ("POST", "/api/create", {"model": "mine", "from": "llama3.2"}),
        ("POST", "/api/copy", {"source": "llama3.2", "destination": "mine"}),
        ("POST", "/api/copy", {"source": "mine", "destination": "llama3.2"}),
        ("DELETE", "/api/delete", {"model": "llama3.2"}),
    ):
        status, found = await gateway.json(method, path, json=body)
        assert (status, found.keys()) == (404, {"error"}), (path, body)
    assert (await lines(gateway, "/api/pull", model="mine-too"))[-1] == {"status": "success"}


async def test_a_blob_is_passed_on_while_it_still_comes(start_gateway: StartGateway) -> None:
    more, arrived = asyncio.Event(), asyncio.Event()

    async def engine(peer: Peer) -> None:
        await peer.head()
        if b"/api/blobs/" in peer.heads[-1]:
            await peer.reader.readuntil(b"first")
            arrived.set()
            await peer.reader.readuntil(b"0\r\n\r\n")
        await peer.send(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await more.wait()
        yield b"last"

    async with Raw(engine) as raw:
        gateway = await start_gateway(OLLAMA_HOST=raw.url)
        url = f"{gateway.url}/api/blobs/{DIGEST}"
        sending = asyncio.ensure_future(gateway.session.post(url, data=pieces()))
        await asyncio.wait_for(arrived.wait(), 5)
        assert not sending.done()
        more.set()
        async with await sending as answer:
            assert answer.status == 201


# ---------------------------------------------------------------- all the rest


async def test_what_nobody_knows_is_passed_on_for_administrators(two: Two) -> None:
    gateway, one, _ = two
    one.faults["/api/of/next-year"] = Fault.answer(418, "short and stout")
    status, found = await gateway.json(
        "PUT", "/ollama/api/of/next-year?engine=one&a=b&api_key=x", data=b"body"
    )
    assert (status, found) == (418, {"error": "short and stout"})
    (seen,) = one.seen("/api/of/next-year")
    assert (seen.method, seen.query, seen.raw) == ("PUT", "a=b", b"body")
    status, found = await gateway.json("GET", "/api/unheard-of")
    assert (status, found) == (404, {"error": "The engine answered 404."})


@pytest.mark.parametrize(
    "path", ["/api/..", "/api/../v1/x", "/api/./x", "/api//x", "/api/x%2F..%2Fpull", "/api/a%20b"]
)
async def test_a_path_that_leads_elsewhere_is_not_passed_on(two: Two, path: str) -> None:
    gateway, one, _ = two
    async with gateway.session.get(URL(gateway.url + path, encoded=True)) as answer:
        assert answer.status == 404
        assert (await answer.json()).keys() == {"error"}
    assert {seen.path for seen in one.requests} <= {"/api/tags", "/api/ps"}


async def test_lines_of_an_unknown_call_come_as_they_are_told(start_gateway: StartGateway) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n")
        if b"/api/next" in peer.heads[-1]:
            for piece in (b'{"a', b'":1}\n\n{"b":"\xe2\x80\xa8"}', b"\n"):
                await asyncio.sleep(0.12)
                await peer.send(piece)

    async with Raw(engine) as raw:
        gateway = await start_gateway(OLLAMA_HOST=raw.url, KEEPALIVE="0.05s")
        async with gateway.session.post(f"{gateway.url}/api/next") as answer:
            body = await answer.read()
    assert [orjson.loads(line) for line in body.decode().splitlines()] == [
        {"a": 1},
        {"b": "\u2028"},
    ]


async def test_work_that_breaks_off_says_so_in_its_last_line(start_gateway: StartGateway) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        if b"/api/pull" in peer.heads[-1]:
            head = b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
            await peer.send(b"HTTP/1.1 200 OK\r\n" + head + b'f\r\n{"status":"a"}\n\r\n')
            await asyncio.sleep(0.05)

    async with Raw(engine) as raw:
        gateway = await start_gateway(OLLAMA_HOST=raw.url)
        first, last = await lines(gateway, "/api/pull", model="new")
        assert first == {"status": "a"}
        assert "broke off" in last["error"]
        status, found = await gateway.json(
            "POST", "/api/pull", json={"model": "new", "stream": False}
        )
    assert (status, found.keys()) == (502, {"error"})


async def test_a_redirect_is_not_followed(start_gateway: StartGateway) -> None:
    async def engine(peer: Peer) -> None:
        await peer.request()
        await peer.send(
            b"HTTP/1.1 307 Moved\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n"
        )

    async with Raw(engine) as raw:
        gateway = await start_gateway(OLLAMA_HOST=raw.url)
        async with gateway.session.post(f"{gateway.url}/api/me", allow_redirects=False) as answer:
            assert answer.status == 502
            assert "Location" not in answer.headers


async def test_a_loop_of_gateways_ends(two: Two) -> None:
    gateway, one, _ = two
    hops = {"X-LlamaGate-Hops": "8"}
    for method, path, body in (
        ("POST", "/api/chat", {"model": "a", "messages": []}),
        ("POST", "/api/embed", {"model": "a", "input": "x"}),
        ("POST", "/api/show", {"model": "a"}),
        ("POST", "/api/pull", {"model": "a"}),
        ("POST", "/api/copy", {"source": "a", "destination": "c"}),
        ("DELETE", "/api/delete", {"model": "a"}),
        ("POST", "/api/me", {}),
    ):
        status, found = await gateway.json(method, path, json=body, headers=hops)
        assert (status, found.keys()) == (508, {"error"}), path
    assert {seen.path for seen in one.requests} <= {"/api/tags", "/api/ps"}


async def test_a_gateway_in_front_of_a_gateway_sends_its_own_key(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    far = await start_gateway(
        OLLAMA_HOST=ollama.url, API_KEY=USER, ADMIN_KEY=ADMIN, KEEPALIVE="0.1s"
    )
    toml = f'[[engines]]\nname = "far"\nurl = "{far.url}"\nkey = "{USER}"\n'
    near = await start_gateway(OLLAMA_HOST="none", toml=toml)
    ollama.answer = Answer(pieces=("one", "two"), first=0.25, pace=0.25)
    body = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hi"}], "next": 1}
    found = await lines(near, "/api/chat", **body)
    assert "".join(line["message"]["content"] for line in found) == "onetwo"
    seen = ollama.generations[0]
    assert (seen.json["next"], seen.headers["x-llamagate-hops"]) == (1, "2")
    status, refused = await near.json("POST", "/api/pull", json={"model": "new", "stream": False})
    assert (status, refused.keys()) == (502, {"error"})  # the far one knows us as a user
    status, _ = await near.json("POST", "/api/me", json={})
    assert status == 403
