"""What all dialects share: bodies and their types, and what headers say of an answer."""

import asyncio
import gzip
from typing import Any

import aiohttp
import pytest

from _llamagate.call import Answer, Post
from _llamagate.dialects import base
from _llamagate.dialects.base import read_json, read_wishes
from tests.fakes.bare import bare


async def echo(post: Post) -> Answer:
    found = read_json(post)
    call = read_wishes(post, "body")
    said = f'{{"keys":{len(found)},"store":{str(not call.no_store).lower()},'
    said += f'"old":{str(not call.no_cache).lower()},"person":"{call.person}"}}'
    return Answer(said.encode())


async def post(data: Any = b"{}", **headers: str) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        bare(echo, max_body=1000) as served,
        aiohttp.request("POST", served.url, data=data, headers=named) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.api+json",
        "application/problem+json;a=b",
    ],
)
async def test_json_is_read_under_each_of_its_types(kind: str) -> None:
    assert (await post(Content_Type=kind))[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
async def test_another_type_is_415(kind: str) -> None:
    status, found = await post(Content_Type=kind)
    assert (status, found["error"]["code"]) == (415, "unsupported_media_type")


async def test_no_type_at_all_is_taken_for_json() -> None:
    async with bare(echo) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        head = (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        )
        writer.write(head + b"{}")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_body_that_is_too_large_is_413_whether_announced_or_not() -> None:
    async def pieces() -> Any:
        for _ in range(11):
            yield b"x" * 100

    for data in (b"x" * 1001, pieces()):
        status, found = await post(data, Content_Type="application/json")
        assert (status, found["error"]["code"]) == (413, "request_too_large")


async def test_a_body_that_is_not_compressed_as_it_says_is_400() -> None:
    sent = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with bare(echo) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        head += "Content-Length: 9\r\nConnection: close\r\n\r\n"
        writer.write(f"POST / HTTP/1.1\r\nHost: localhost\r\n{head}not gzip!".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        writer.close()


async def test_a_small_body_that_unpacks_to_a_large_one_is_413() -> None:
    packed = gzip.compress(b" " * 900_000)
    assert len(packed) < 1000
    status, _ = await post(packed, Content_Type="application/json", Content_Encoding="gzip")
    assert status == 413


async def test_a_body_that_never_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_PATIENCE", 0.2)
    async with bare(echo) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        head = b"POST /?x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        writer.write(head + b'{"half":')
        async with asyncio.timeout(5):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 400")
        writer.close()


@pytest.mark.parametrize(
    ("wish", "store", "old"),
    [("no-store", False, False), ("No-Cache", True, False), ("max-age=0", True, True)],
)
async def test_what_the_client_wants_of_the_cache(wish: str, store: bool, old: bool) -> None:
    _, found = await post(Content_Type="application/json", Cache_Control=wish)
    assert (found["store"], found["old"]) == (store, old)


async def test_the_person_behind_a_chat_page_wins_over_the_bodys() -> None:
    assert (await post(Content_Type="application/json"))[1]["person"] == "body"
    headers = {"Content_Type": "application/json", "X_OpenWebUI_User_Id": "ada"}
    assert (await post(**headers))[1]["person"] == "ada"


async def test_a_call_goes_with_every_request() -> None:
    async def who(post: Post) -> Answer:
        return Answer(post.call.id.encode())

    async with bare(who) as served, aiohttp.request("GET", served.url) as answer:
        assert (await answer.text()).startswith("req_")
