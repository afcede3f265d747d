"""Streams as OpenAI-compatible servers send them, well-behaved and otherwise."""

from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.errors import EngineBroke, EngineFailed, EngineGarbled
from _llamagate.exchange import (
    Event,
    Finish,
    Logprob,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Usage,
)
from _llamagate.wires.openai.engine_answers import AnswerParser
from tests.fakes.recorded import load

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def frame(**chunk: Any) -> bytes:
    return b"data: " + orjson.dumps({"id": "c", "object": "chunk", "model": "m", **chunk}) + b"\n\n"


def delta(reason: str | None = None, **fields: Any) -> bytes:
    return frame(choices=[{"index": 0, "delta": fields, "finish_reason": reason}])


def calls(*entries: Any) -> bytes:
    return delta(tool_calls=list(entries))


def parse(*pieces: bytes, one_call: bool = False) -> list[Event]:
    """All events of a stream that ended well."""
    parser = AnswerParser(one_call=one_call)
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.end()
    assert parser.failure is None
    return events


def finish(*pieces: bytes) -> Finish:
    last = parse(*pieces)[-1]
    assert isinstance(last, Finish)
    return last


def text(events: Iterable[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


@pytest.mark.parametrize("end", [DONE, b"", b"data: [DONE]", b"data:[DONE]\r\n\r\n"])
def test_a_stream_is_its_texts_and_a_finish(end: bytes) -> None:
    events = parse(
        delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo"),
        delta("stop"), end,
    )  # fmt: skip
    assert events == [Text("Hel"), Text("lo"), Finish("stop", Usage(0, 2), wire="openai")]


def test_usage_may_stand_on_the_last_choice_or_in_a_chunk_of_its_own() -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    on_it = frame(choices=[choice], usage=USAGE)
    beside = delta("stop") + frame(choices=[], usage=USAGE)
    for end in (on_it, beside):
        for done in (DONE, b""):
            assert finish(delta(content="a"), end, done).usage == Usage(7, 5)


def test_usage_on_every_chunk_counts_once_as_the_last_one_has_it() -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0}
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
    stream = frame(choices=[choice], usage=zero) * 3 + delta("stop")
    assert finish(stream, frame(choices=[], usage=USAGE), DONE).usage == Usage(7, 5)


def test_usage_tells_what_was_cached_and_what_was_thought() -> None:
    usage = USAGE | {
        "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    assert finish(delta("stop"), frame(choices=[], usage=usage)).usage == Usage(7, 5, 3, 2)
    bare = {"prompt_tokens": None, "completion_tokens": 5, "prompt_tokens_details": None}
    assert finish(delta("stop"), frame(choices=[], usage=bare)).usage == Usage(0, 5)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_have_two_names(name: str) -> None:
    both = delta(reasoning="b", reasoning_content="b")
    events = parse(delta(**{name: "a"}), both, delta(**{name: None}, content="c"), delta("stop"))
    assert events[:3] == [Thinking("a"), Thinking("b"), Text("c")]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (delta("stop"), "stop"),
        (delta("length"), "length"),
        (delta("content_filter"), "content_filter"),
        (delta("function_call"), "tool_calls"),
        (delta("eos_token"), "stop"),
        (calls({"index": 0, "id": "a", "function": {"name": "f"}}) + delta("stop"), "tool_calls"),
        (calls({"index": 0, "id": "a", "function": {"name": "f"}}) + delta("length"), "length"),
        (delta(content="no reason"), "stop"),
    ],
)
def test_a_reason_to_end_has_one_name(stream: bytes, reason: str) -> None:
    assert finish(stream, DONE).reason == reason


def test_the_string_that_stopped_it_is_told() -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "stop_reason": "END"}
    found = finish(frame(choices=[choice]), DONE)
    assert (found.reason, found.stop_sequence) == ("stop_sequence", "END")
    assert finish(frame(choices=[choice | {"stop_reason": 151645}]), DONE).reason == "stop"


CALL = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}


def piece(arguments: str, **more: Any) -> Any:
    return {"index": 0, "function": {"arguments": arguments}, **more}


@pytest.mark.parametrize(
    "stream",
    [
        calls(CALL) + calls(piece('{"a"')) + calls(piece(":1}")),
        calls(CALL, piece('{"a"')) + calls(piece(":1}")),
        calls(CALL) + calls(piece('{"a"', id="")) + calls(piece(":1}", id="a")),
        calls(CALL) + calls(CALL | piece('{"a"')) + calls(CALL | piece(":1}")),
    ],
)
def test_a_call_comes_in_pieces(stream: bytes) -> None:
    events = parse(stream, delta("tool_calls"), DONE)
    assert events[:-1] == [ToolCall("f", "", "a"), ToolArguments('{"a"'), ToolArguments(":1}")]


@pytest.mark.parametrize(
    "stream",
    [
        calls(
            {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
            {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}},
        ),
        calls({"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}})
        + calls({"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}),
        calls({"id": "a", "function": {"name": "f", "arguments": "{}"}})
        + calls({"id": "b", "function": {"name": "g", "arguments": {}}}),
    ],
)
def test_several_calls_are_told_apart(stream: bytes) -> None:
    events = parse(stream, delta("tool_calls"), DONE)
    assert [(e.name, e.id) for e in events if isinstance(e, ToolCall)] == [("f", "a"), ("g", "b")]


def test_calls_without_index_and_id_are_one_each() -> None:
    one = {"function": {"name": "f", "arguments": {"a": 1}}}
    events = parse(calls(one, one), delta("stop"), DONE)
    assert events[:2] == [ToolCall("f", '{"a":1}'), ToolCall("f", '{"a":1}')]


def test_calls_after_the_first_are_left_out_when_one_was_asked_for() -> None:
    second = {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{"}}
    stream = calls(CALL) + calls(piece("{}")) + calls(second) + calls(piece("}", index=1))
    events = parse(stream, delta("tool_calls"), DONE, one_call=True)
    assert events[:-1] == [ToolCall("f", "", "a"), ToolArguments("{}")]


def test_logprobs_come_with_their_text() -> None:
    entry = {"token": "a", "logprob": -1.5, "bytes": [97], "id": 5}
    content = [entry | {"top_logprobs": [entry, entry | {"token": "b", "bytes": None}]}]
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": {"content": content}}
    [found, _] = parse(frame(choices=[choice]), delta("stop"))
    top = (Logprob("a", -1.5, (97,)), Logprob("b", -1.5))
    assert found == Text("a", logprobs=(Logprob("a", -1.5, (97,), top),))


def test_a_completion_has_texts_and_logprobs_of_its_own() -> None:
    logprobs = {
        "tokens": ["a", "b"],
        "token_logprobs": [None, -2.0],
        "top_logprobs": [None, {"b": -2.0, "c": -3.0}],
        "text_offset": [0, 1],
    }
    stream = frame(choices=[{"index": 0, "text": "ab", "logprobs": logprobs}])
    end = frame(choices=[{"index": 0, "text": "", "finish_reason": "length"}])
    found, last = parse(stream, end, DONE)
    top = (Logprob("b", -2.0), Logprob("c", -3.0))
    assert found == Text("ab", logprobs=(Logprob("a", 0.0), Logprob("b", -2.0, top=top)))
    assert isinstance(last, Finish) and last.reason == "length"


def test_content_in_parts_and_refusals_are_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": []}]
    events = parse(delta(content=parts), delta(refusal="No."), delta("stop"))
    assert text(events) == "aNo."


def test_what_stands_beside_the_choices_at_the_end_is_kept() -> None:
    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = frame(choices=[choice], timings={"n": 1}, nothing=None)
    found = finish(delta(content="a"), last, frame(choices=[], usage=USAGE, tier="x"), DONE)
    assert found.extra == {"timings": {"n": 1}, "tier": "x"}
    assert found.wire == "openai"


def test_comments_names_and_ids_of_events_say_nothing() -> None:
    noise = b": ping\n\nevent: x\nid: 1\nretry: 5\n\n:\n"
    stream = noise + delta(content="a") + noise + b"event: message\n" + delta("stop") + noise + DONE
    assert text(parse(stream)) == "a"


def test_nothing_counts_after_done() -> None:
    assert len(parse(delta("stop") + DONE + delta(content="late") + DONE)) == 1


def test_a_whole_answer_instead_of_a_stream_is_read_as_well() -> None:
    message = {
        "role": "assistant", "content": "Hi", "reasoning_content": "Hm.",
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ],
    }  # fmt: skip
    answer = {
        "id": "c",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
        "usage": USAGE,
        "system_fingerprint": "fp",
    }
    body = b"\n  " + orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n"
    for size in (1, 50, 10_000):
        assert parse(*(body[at : at + size] for at in range(0, len(body), size))) == [
            Thinking("Hm."), Text("Hi"), ToolCall("f", "{}", "a"), ToolCall("f", "{}", "b"),
            Finish("tool_calls", Usage(7, 5), extra={"system_fingerprint": "fp"}, wire="openai"),
        ]  # fmt: skip


def broken(*pieces: bytes) -> tuple[list[Event], Exception]:
    parser = AnswerParser()
    events: list[Event] = []
    for part in pieces:
        events += parser.feed(part)
        if parser.failure:
            return events, parser.failure
    events += parser.end()
    assert parser.failure is not None
    return events, parser.failure


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b": ping\n\n",
        delta(content="half"),
        delta(content="half") + b'data: {"choices": [{"del',
        b'{"id": "c", "choices": [{"ind',
    ],
)
def test_a_stream_without_an_end_was_cut_off(stream: bytes) -> None:
    events, failure = broken(stream)
    assert isinstance(failure, EngineBroke)
    assert events == ([Text("half")] if b"half" in stream else [])


@pytest.mark.parametrize(
    "error",
    [
        b'data: {"error": {"message": "oom", "type": "server_error"}}\n\n',
        b'data: {"error": "oom"}\n\n',
        b'error: {"message": "oom", "code": 500}\n\n',
    ],
)
def test_an_error_in_the_stream_comes_after_what_was_before_it(error: bytes) -> None:
    events, failure = broken(delta(content="a") + error + delta(content="b") + DONE)
    assert events == [Text("a")]
    assert isinstance(failure, EngineFailed)
    assert "oom" in str(failure)


def test_an_error_instead_of_a_stream_is_one() -> None:
    _, failure = broken(b'{"error": {"message": "oom"}}')
    assert isinstance(failure, EngineFailed)


@pytest.mark.parametrize(
    "stream",
    [
        b"<!DOCTYPE html><html>\n",
        b"data: hello\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": "none"}\n\n',
        b'data: {"choices": [{"delta": {"content": 5}}]}\n\n',
    ],
)
def test_what_is_no_stream_of_a_chat_is_garbled(stream: bytes) -> None:
    events, failure = broken(stream)
    assert isinstance(failure, EngineGarbled)
    assert events == []


STREAM = b"".join(
    [
        b": ping\n\n", delta(role="assistant", content=""), delta(reasoning="Grüße, 世界"),
        delta(content="naïve 👋"), calls(CALL), calls(piece('{"a":1}')), delta("tool_calls"),
        frame(choices=[], usage=USAGE), DONE,
    ]
)  # fmt: skip


@given(st.lists(st.integers(0, len(STREAM)), max_size=20), st.booleans())
def test_it_does_not_matter_where_the_reads_end(cuts: list[int], returns: bool) -> None:
    stream = STREAM.replace(b"\n", b"\r\n") if returns else STREAM
    ends = sorted({0, *cuts, len(stream)})
    pieces = [stream[a:b] for a, b in zip(ends, ends[1:], strict=False)]
    assert parse(*pieces) == parse(STREAM)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chat-stream", "Hello! I am a tiny test model. How can I help you today?"),
        ("chat-stream-usage", "Hello! I am a tiny test model. How can I help you today?"),
        ("chat-empty-answer-stream", ""),
        ("completions-stream-usage", None),
        ("reasoning-stream", None),
        ("tools-parallel-stream", None),
        ("chat-json-schema", None),
        ("tools", None),
    ],
)
def test_a_real_server_s_answer_is_understood(name: str, said: str | None) -> None:
    recording = load(f"openai/{name}")
    events = parse(*recording.chunks)
    assert isinstance(events[-1], Finish)
    assert said is None or text(events) == said
    if name.startswith("reasoning"):
        assert any(isinstance(event, Thinking) for event in events)
    if name.startswith("tools"):
        assert [e.name for e in events if isinstance(e, ToolCall)][:1] == ["get_weather"]
        assert events[-1].reason == "tool_calls"
