"""Streams as an Anthropic client reads them."""

from typing import Any

import pytest
from hypothesis import given

from _llamagate.errors import EngineBroke, EngineGarbled
from _llamagate.exchange import (
    Event,
    Finish,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Usage,
    Waiting,
)
from _llamagate.wires.anthropic.reply import SIGNATURE
from _llamagate.wires.anthropic.stream import PING, MessageStream
from _llamagate.wires.ollama.answers import AnswerParser
from tests.fakes.recorded import load
from tests.wires.answers import batches, named_events


def streamed(*given: Event, **how: Any) -> list[dict[str, Any]]:
    stream = MessageStream("m", **how)
    return named_events(stream.feed(list(given)) + stream.end())


def test_text_comes_as_one_block() -> None:
    found = streamed(Text("Hel"), Text("lo"), Finish("stop", Usage(11, 2)), prompt_tokens=9)
    start, *rest = found
    assert start["message"]["usage"]["input_tokens"] == 9
    assert start["message"]["content"] == []
    assert start["message"]["stop_reason"] is None
    assert rest == [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hel"},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 11,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 2,
            },
        },
        {"type": "message_stop"},
    ]


def test_thinking_is_signed_before_its_block_ends() -> None:
    found = streamed(Thinking("Hm."), Text("Hi"), Finish("stop"))
    assert found[2]["delta"] == {"type": "thinking_delta", "thinking": "Hm."}
    assert found[3]["delta"] == {"type": "signature_delta", "signature": SIGNATURE}
    assert [event["type"] for event in found[4:6]] == ["content_block_stop", "content_block_start"]


def test_thinking_that_the_client_does_not_want_is_only_signed() -> None:
    found = streamed(Thinking("Hm."), Text("Hi"), Finish("stop"), show_thinking=False)
    assert found[1]["content_block"]["type"] == "thinking"
    assert found[2]["delta"]["type"] == "signature_delta"


def test_a_call_has_its_arguments_in_pieces() -> None:
    call = [ToolCall("f", "", "call_1"), ToolArguments('{"a"'), ToolArguments(":1}")]
    found = streamed(*call, Finish("tool_calls"))
    block = {"type": "tool_use", "id": "toolu_id_call_1", "name": "f", "input": {}}
    assert found[1]["content_block"] == block
    pieces = [event["delta"]["partial_json"] for event in found[2:4]]
    assert pieces == ['{"a"', ":1}"]
    assert found[-2]["delta"]["stop_reason"] == "tool_use"


def test_every_call_is_a_block_of_its_own() -> None:
    found = streamed(ToolCall("f", "{}", "a"), ToolCall("g", "{}", "a"), Finish("stop"))
    blocks = [e["content_block"] for e in found if e["type"] == "content_block_start"]
    assert [block["name"] for block in blocks] == ["f", "g"]
    assert blocks[0]["id"] != blocks[1]["id"]


def test_an_empty_answer_has_no_block() -> None:
    kinds = [event["type"] for event in streamed(Text(""), Finish("stop"))]
    assert kinds == ["message_start", "message_delta", "message_stop"]


def test_nothing_is_written_while_the_request_waits() -> None:
    assert MessageStream("m").feed([Waiting(3, 1000)]) == b""


def test_a_failure_is_an_error_event_and_no_end() -> None:
    stream = MessageStream("m")
    found = named_events(stream.feed([Text("Hel")]) + stream.fail(EngineBroke("It broke."), "r-1"))
    assert found[-1] == {
        "type": "error",
        "error": {"type": "api_error", "message": "It broke."},
        "request_id": "r-1",
    }
    assert "message_stop" not in [event["type"] for event in found]


def test_arguments_without_a_call_are_the_engines_fault() -> None:
    with pytest.raises(EngineGarbled):
        MessageStream("m").feed([Text("a"), ToolArguments("{}")])


def test_a_sign_of_life_is_a_ping() -> None:
    assert named_events(PING) == [{"type": "ping"}]


@given(batches())
def test_every_stream_is_well_formed(given: list[list[Event]]) -> None:
    stream = MessageStream("m")
    found = named_events(b"".join(stream.feed(batch) for batch in given) + stream.end())
    assert found[0]["type"] == "message_start"
    assert [event["type"] for event in found[-2:]] == ["message_delta", "message_stop"]
    open_block: int | None = None
    following = 0
    for event in found[1:-2]:
        match event["type"]:
            case "content_block_start":
                assert open_block is None
                assert event["index"] == following
                open_block, following = following, following + 1
            case "content_block_stop":
                assert event["index"] == open_block
                open_block = None
            case kind:
                assert (kind, event["index"]) == ("content_block_delta", open_block)
    assert open_block is None


@given(batches())
def test_nothing_the_engine_said_is_lost(given: list[list[Event]]) -> None:
    stream = MessageStream("m")
    found = named_events(b"".join(stream.feed(batch) for batch in given))
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    said = [event for batch in given for event in batch]
    assert "".join(d.get("text", "") for d in deltas) == "".join(
        event.text for event in said if isinstance(event, Text)
    )
    assert "".join(d.get("thinking", "") for d in deltas) == "".join(
        event.text for event in said if isinstance(event, Thinking)
    )
    calls = [e["content_block"] for e in found if e["type"] == "content_block_start"]
    assert [call["name"] for call in calls if call["type"] == "tool_use"] == [
        event.name for event in said if isinstance(event, ToolCall)
    ]


@pytest.mark.parametrize(
    ("name", "kinds", "reason"),
    [
        ("chat/stream", ["text"], "end_turn"),
        ("chat/length-stream", ["text"], "max_tokens"),
        ("chat/tools-parallel-stream", ["tool_use", "tool_use"], "tool_use"),
        ("chat/scripted-think-text-tool-stream", ["thinking", "text", "tool_use"], "tool_use"),
        ("chat/empty-answer-stream", [], "end_turn"),
    ],
)
def test_recorded_streams_become_blocks(name: str, kinds: list[str], reason: str) -> None:
    parser, stream = AnswerParser(), MessageStream("m")
    chunks = load(name).chunks
    data = b"".join(stream.feed(parser.feed(chunk)) for chunk in chunks) + stream.end()
    found = named_events(data)
    starts = [e["content_block"]["type"] for e in found if e["type"] == "content_block_start"]
    assert starts == kinds
    assert found[-2]["delta"]["stop_reason"] == reason
    assert found[-2]["usage"]["input_tokens"] > 0
