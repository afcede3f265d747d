"""The engine of kind `openai` against servers with all the habits that were met."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from _llamagate.config import EngineSettings
from _llamagate.engines.dial import open_client
from _llamagate.engines.openai import OpenAIEngine
from _llamagate.errors import (
    EngineBroke,
    EngineBusy,
    EngineFailed,
    EngineGarbled,
    EngineLacksModel,
    EngineRefused,
)
from _llamagate.exchange import (
    Call,
    Chat,
    Completion,
    Embed,
    Event,
    Finish,
    Message,
    Reply,
    Text,
    Tool,
    Usage,
    collect,
)
from tests.fakes.openai import ARGUMENTS, THOUGHT, WELL_BEHAVED, WORDS, Habits, OpenAIServer
from tests.fakes.raw import Peer, Raw

SAID = "".join(WORDS)
HELLO = (Message("user", "Hello"),)
TOOLS = (Tool("get_weather"), Tool("get_time"))
KNOWN = frozenset({"model", "messages", "stream", "stream_options", "max_tokens", "temperature"})


@contextlib.asynccontextmanager
async def engine_at(url: str, **settings: Any) -> AsyncIterator[OpenAIEngine]:
    found = EngineSettings("box", "openai", url, **{"timeout": 5, **settings})
    engine = OpenAIEngine(found, open_client(found))
    try:
        yield engine
    finally:
        await engine.close()


@contextlib.asynccontextmanager
async def served(
    habits: Habits = WELL_BEHAVED, **settings: Any
) -> AsyncIterator[tuple[OpenAIEngine, OpenAIServer]]:
    async with OpenAIServer(habits) as server, engine_at(server.url, **settings) as engine:
        yield engine, server


def chat(**fields: Any) -> Chat:
    return Chat(model="toy", messages=HELLO, **fields)


async def ask(engine: OpenAIEngine, request: Chat | Completion, call: Call | None = None) -> Reply:
    [reply] = await collect(engine.generate(request, call or Call("r1")))
    return reply


@pytest.mark.parametrize(
    "habits",
    [
        Habits(),
        Habits(usage="choice"),
        Habits(usage="every"),
        Habits(done=False),
        Habits(done=False, usage="choice"),
        Habits(chatty=True),
        Habits(ends="\r\n"),
        Habits(ends="\r\n", chatty=True, done=False),
        Habits(streams=False),
    ],
)
async def test_a_chat_is_understood_whatever_the_server_s_habits(habits: Habits) -> None:
    async with served(habits) as (engine, server):
        for _ in range(3):
            reply = await ask(engine, chat())
            assert reply.text == SAID
            assert reply.finish.reason == "stop"
            assert reply.finish.usage == Usage(7, 5, 4)
        assert server.asked[0]["stream"] is True
        assert server.asked[0]["stream_options"] == {"include_usage": True}


async def test_a_server_that_counts_nothing_is_counted() -> None:
    async with served(Habits(usage="")) as (engine, _):
        assert (await ask(engine, chat())).finish.usage == Usage(0, len(WORDS))


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thoughts_are_told_from_the_answer(field: str) -> None:
    async with served(Habits(thinking=field)) as (engine, _):
        reply = await ask(engine, chat(think=True))
        assert (reply.thinking, reply.text) == ("".join(THOUGHT), SAID)


@pytest.mark.parametrize(
    "habits", [Habits(), Habits(named_once=False), Habits(indexed=False), Habits(done=False)]
)
async def test_tool_calls_come_together(habits: Habits) -> None:
    async with served(habits) as (engine, _):
        reply = await ask(engine, chat(tools=TOOLS))
        assert [(use.name, use.arguments, use.id) for use in reply.tool_calls] == [
            ("get_weather", "".join(ARGUMENTS), "call0"),
            ("get_time", "".join(ARGUMENTS), "call1"),
        ]
        assert reply.finish.reason == "tool_calls"
        alone = await ask(engine, chat(tools=TOOLS, parallel_tool_calls=False))
        assert [use.name for use in alone.tool_calls] == ["get_weather"]


async def test_a_completion_goes_to_completions_and_a_prompt_of_ollama_s_to_a_chat() -> None:
    async with served() as (engine, server):
        for request in (
            Completion(model="toy", prompt="Once"),
            Completion(model="toy", prompt="Once", wire="ollama"),
        ):
            assert (await ask(engine, request)).text == SAID
        assert server.paths == ["/v1/completions", "/v1/chat/completions"]


async def test_fields_nobody_asked_for_are_not_sent() -> None:
    """`transformers serve` answers an unknown field with 422."""
    async with served(Habits(knows=KNOWN)) as (engine, _):
        assert (await ask(engine, chat(max_tokens=5, temperature=0.0))).text == SAID
        with pytest.raises(EngineRefused, match=r"body\.top_k") as refused:
            await ask(engine, chat(top_k=5))
        assert refused.value.http_status == 400


async def test_what_could_not_be_sent_is_named() -> None:
    async with served() as (engine, server):
        call = Call("r1")
        await ask(engine, chat(num_ctx=4096, wire="ollama", extra={"truncate": True}), call)
        assert call.ignored == ("num_ctx", "truncate")
        assert "truncate" not in server.asked[0]


async def test_an_engine_learns_the_request_s_id_the_hops_and_the_key() -> None:
    async with served(key="sk-1") as (engine, server):
        await ask(engine, chat(), Call("req-1", hops=2, via="gw_1 gw_2 gw_3"))
        headers = {name.lower(): value for name, value in server.headers[0].items()}
        length = headers.pop("content-length")
        assert int(length) > 0
        assert headers.pop("host") in server.url
        assert headers == {
            "authorization": "Bearer sk-1",
            "content-type": "application/json",
            "x-request-id": "req-1",
            "x-llamagate-hops": "3",
            "x-llamagate-via": "gw_1 gw_2 gw_3",
        }


async def test_a_path_in_the_address_stands_for_v1() -> None:
    async with served() as (_, server), engine_at(f"{server.url}/v1") as engine:
        assert (await ask(engine, chat())).text == SAID
        assert server.paths == ["/v1/chat/completions"]
    async with served() as (_, server), engine_at(f"{server.url}/elsewhere") as engine:
        with pytest.raises(EngineGarbled, match="/v1"):
            await ask(engine, chat())


async def test_an_error_in_the_stream_comes_after_its_events() -> None:
    async with served(Habits(fails_after=3)) as (engine, _):
        events: list[Event] = []
        with pytest.raises(EngineFailed, match="out of memory"):
            async for batch in engine.generate(chat(), Call("r1")):
                events += batch
        assert events == [Text("Hello"), Text(" from")]


async def test_a_stream_that_is_cut_off_is_no_answer() -> None:
    async with served(Habits(cut_after=3)) as (engine, _):
        with pytest.raises(EngineBroke):
            await ask(engine, chat())


async def test_a_stream_that_ends_without_a_reason_is_no_answer() -> None:
    async def server(peer: Peer) -> None:
        await peer.request()
        data = b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'
        await peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data)

    async with Raw(server) as raw, engine_at(raw.url) as engine:
        with pytest.raises(EngineBroke):
            await ask(engine, chat())


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, {"error": {"message": "The model `toy` does not exist."}}, EngineLacksModel),
        (400, {"error": {"message": "too long", "code": "context_length"}}, EngineRefused),
        (503, {"error": {"message": "Loading model"}}, EngineBusy),
        (500, "Internal Server Error", EngineFailed),
        (401, {"error": {"message": "bad key"}}, EngineFailed),
    ],
)
async def test_a_refusal_is_the_error_it_means(
    status: int, body: object, error: type[Exception]
) -> None:
    async with served(Habits(refusal=(status, body))) as (engine, _):
        with pytest.raises(error):
            await ask(engine, chat())
        with pytest.raises(error):
            await engine.embed(Embed(model="toy", inputs=("a",)), Call("r1"))


async def test_a_busy_engine_says_when_to_come_back() -> None:
    async with served(Habits(refusal=(503, "busy"))) as (engine, _):
        with pytest.raises(EngineBusy) as busy:
            await ask(engine, chat())
        assert busy.value.retry_after == 3


async def test_leaving_stops_the_engine() -> None:
    stopped = asyncio.Event()

    async def server(peer: Peer) -> None:
        await peer.request()
        data = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + data)
        await peer.gone()
        stopped.set()

    async with Raw(server) as raw, engine_at(raw.url) as engine:
        events = engine.generate(chat(), Call("r1"))
        assert await anext(events) == [Text("a")]
        await events.aclose()
        async with asyncio.timeout(1):
            await stopped.wait()


async def test_a_server_that_never_ends_its_body_does_not_hold_up_the_answer() -> None:
    async def server(peer: Peer) -> None:
        await peer.request()
        data = (
            b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
            b"data: [DONE]\n\n"
        )
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + data)
        await peer.hang()

    async with Raw(server) as raw, engine_at(raw.url, timeout=60) as engine:
        async with asyncio.timeout(3):
            assert (await ask(engine, chat())).text == "a"


async def test_a_server_that_closes_after_each_stream_loses_no_request() -> None:
    """llama-server promises to keep the connection, and closes it."""
    data = (
        b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n"
    )

    async def server(peer: Peer) -> None:
        await peer.request()
        head = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n"
        await peer.send(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))

    async with Raw(server) as raw, engine_at(raw.url) as engine:
        for _ in range(20):
            assert (await ask(engine, chat())).text == "a"


@pytest.mark.parametrize("habits", [Habits(), Habits(done=False), Habits(streams=False)])
async def test_a_stream_that_was_read_leaves_its_connection_for_the_next(habits: Habits) -> None:
    async with served(habits) as (engine, server):
        for _ in range(5):
            await ask(engine, chat())
        assert len(server.connections) == 1


async def test_texts_become_vectors() -> None:
    async with served() as (engine, server):
        found = await engine.embed(Embed(model="toy", inputs=("a", "bcd")), Call("r1"))
        assert found.vectors == [[1.0, 0.5], [3.0, 0.5]]
        assert found.usage == Usage(7, 5, 4)
        assert server.asked[0]["encoding_format"] == "float"


async def test_models_are_listed_with_what_they_can_read() -> None:
    listed = ({"id": "a", "max_model_len": 4096}, {"id": "b"})
    async with served(Habits(models=listed)) as (engine, _):
        assert [model.name for model in await engine.models()] == ["a", "b"]
        assert await engine.context_length("a") == 4096
        assert await engine.context_length("b") == 0
        assert await engine.context_length("c") == 0
        assert await engine.resident() == []


async def test_an_engine_without_a_list_is_up_where_its_models_are_declared() -> None:
    async with served(Habits(models=None)) as (engine, _):
        with pytest.raises(EngineFailed):
            await engine.models()
    async with served(Habits(models=None), models=("toy",)) as (engine, _):
        assert await engine.models() == []


async def test_a_model_cannot_be_unloaded_from_a_server_that_keeps_it() -> None:
    async with served() as (engine, server):
        reply = await ask(engine, Completion(model="toy", prompt=""))
        assert reply.finish == Finish("load")
        with pytest.raises(EngineRefused, match="unloaded"):
            await ask(engine, Completion(model="toy", prompt="", keep_alive=0))
        assert server.asked == []
