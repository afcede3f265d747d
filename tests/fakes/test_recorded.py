"""Recordings come back as they were taken."""

import asyncio

import aiohttp
import pytest

from tests.fakes.recorded import Recorded, load, names

GROUPS = ("chat", "generate", "embed", "embeddings", "meta", "errors", "midstream", "admin")
REPLAYED = [name for name in names(*GROUPS) if load(name).status is not None]


async def exchange(server: Recorded) -> tuple[int, dict[str, str], list[bytes], bool]:
    """Status, headers, chunks as they came, and whether the end was clean."""
    recording = server.recording
    async with (
        aiohttp.ClientSession(server.url, auto_decompress=False) as session,
        session.request(
            recording.request["method"], recording.path, allow_redirects=False
        ) as response,
    ):
        chunks: list[bytes] = []
        if recording.request["method"] == "HEAD":  # whose chunks aiohttp would bring for ever
            return response.status, dict(response.headers), chunks, True
        try:
            async for data, _ in response.content.iter_chunks():
                chunks.append(data)
        except aiohttp.ClientPayloadError:
            return response.status, dict(response.headers), chunks, False
        return response.status, dict(response.headers), chunks, True


@pytest.mark.parametrize("name", REPLAYED)
async def test_a_recording_replays_as_recorded(name: str) -> None:
    recording = load(name)
    async with Recorded(recording) as server:
        status, headers, chunks, clean = await exchange(server)
    assert status == recording.status
    kept = {name.lower(): value for name, value in headers.items()}
    assert {
        name.lower(): value for name, value in recording.headers.items()
    }.items() <= kept.items()
    assert b"".join(chunks) == recording.answer
    assert clean is not recording.cut


async def test_chunks_keep_their_borders() -> None:
    async with Recorded(load("chat/stream")) as server:
        _, _, chunks, _ = await exchange(server)
    assert [chunk for chunk in chunks if chunk] == load("chat/stream").chunks


async def test_a_body_can_be_split_at_any_byte() -> None:
    async with Recorded(load("chat/stream-unicode"), split=1) as server:
        _, _, chunks, _ = await exchange(server)
    assert {len(chunk) for chunk in chunks if chunk} == {1}
    assert b"".join(chunks) == load("chat/stream-unicode").answer


async def test_pauses_are_kept_when_asked() -> None:
    recording = load("chat/scripted-stream-paced")
    began = asyncio.get_running_loop().time()
    async with Recorded(recording, speed=0.5) as server:
        await exchange(server)
    assert asyncio.get_running_loop().time() - began >= recording.times[-1] / 2000


async def test_a_server_that_never_answered_does_not_answer() -> None:
    async with Recorded(load("midstream/chat-server-stopped-early")) as server:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await exchange(server)


async def test_what_was_asked_is_kept() -> None:
    async with Recorded(load("meta/version")) as server:
        await exchange(server)
    assert server.requests == [("GET /api/version HTTP/1.1", b"")]
