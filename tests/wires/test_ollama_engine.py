"""Ollama's wire from the engine's side: real recordings parse to the right events and errors.

What a recording means is read a second time here, naively and from the whole body, and compared
with what the parser makes of its pieces.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.errors import (
    EngineBroke,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineGarbled,
    EngineLacksModel,
    EngineRefused,
)
from _llamagate.exchange import Event, Finish, Logprob, Text, Thinking, ToolCall, Usage
from _llamagate.wires.ollama.answers import (
    AnswerParser,
    parse_context_length,
    parse_embed,
    parse_ps,
    parse_tags,
)
from _llamagate.wires.ollama.errors import parse_error
from tests.fakes.recorded import Recording, load, names

GROUPS = ("chat", "generate", "midstream", "errors")
RUNS = [
    name
    for name in names(*GROUPS)
    if load(name).status == 200 and load(name).path in ("/api/chat", "/api/generate")
]
REFUSALS = [
    name
    for name in names("chat", "generate", "embed", "embeddings", "meta", "errors", "midstream")
    if load(name).status not in (None, 200)
]


@dataclass
class Whole:
    """An answer, put together."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any, str]] | None = None
    logprobs: int = 0
    finish: Finish | None = None
    failure: type[EngineError] | None = None


def parsed(pieces: list[bytes]) -> tuple[list[Event], EngineError | None]:
    parser = AnswerParser()
    events: list[Event] = []
    for piece in pieces:
        events += parser.feed(piece)
        if parser.failure:
            return events, parser.failure
    return events + parser.end(), parser.failure


def outcome(pieces: list[bytes]) -> tuple[list[Event], type[EngineError | None], str]:
    """The same for two ways of cutting one answer, or the cut changed its meaning."""
    events, failure = parsed(pieces)
    return events, type(failure), str(failure)


def whole(events: list[Event], failure: EngineError | None) -> Whole:
    found = Whole(calls=[], failure=type(failure) if failure else None)
    assert found.calls is not None
    for event in events:
        match event:
            case Text():
                found.text += event.text
                found.logprobs += len(event.logprobs)
            case Thinking():
                found.thinking += event.text
            case ToolCall():
                found.calls.append((event.name, json.loads(event.arguments), event.id))
            case Finish():
                assert found.finish is None, "one finish is enough"
                found.finish = Finish(event.reason, event.usage)
    return found


def expected(recording: Recording) -> Whole:
    found = Whole(calls=[])
    assert found.calls is not None
    for line in map(json.loads, recording.answer.splitlines()):
        if "error" in line:
            found.failure = EngineFailed
            return found
        said = line.get("message", line)
        found.text += said.get("content", said.get("response", ""))
        found.thinking += said.get("thinking", "")
        found.logprobs += len(line.get("logprobs", ()))
        for call in said.get("tool_calls", ()):
            function = call["function"]
            found.calls.append((function["name"], function["arguments"], call.get("id", "")))
        if line["done"]:
            reason = line.get("done_reason", "stop")
            usage = Usage(line.get("prompt_eval_count", 0), line.get("eval_count", 0))
            called = found.calls and reason == "stop"
            found.finish = Finish("tool_calls" if called else reason, usage)
    if found.finish is None:
        found.failure = EngineBroke
    return found


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_answer_parses_to_what_it_says(name: str) -> None:
    recording = load(name)
    assert whole(*parsed(recording.chunks)) == expected(recording)


@pytest.mark.parametrize("name", RUNS)
def test_an_answer_split_at_every_byte_parses_the_same(name: str) -> None:
    answer = load(name).answer
    bytewise = [answer[at : at + 1] for at in range(len(answer))]
    assert outcome(bytewise) == outcome([answer])


@given(st.sampled_from(RUNS), st.lists(st.integers(min_value=0), max_size=12))
def test_an_answer_split_anywhere_parses_the_same(name: str, cuts: list[int]) -> None:
    answer = load(name).answer
    borders = sorted({0, len(answer), *(cut % (len(answer) + 1) for cut in cuts)})
    pieces = [answer[a:b] for a, b in zip(borders, borders[1:], strict=False)]
    assert outcome(pieces) == outcome([answer])


def test_letters_of_several_bytes_survive_any_cut() -> None:
    answer = load("chat/stream-unicode").answer
    text = expected(load("chat/stream-unicode")).text
    assert not text.isascii()
    for cut in range(len(answer)):
        events, _ = parsed([answer[:cut], answer[cut:]])
        assert whole(events, None).text == text


def test_events_of_one_read_come_together() -> None:
    parser = AnswerParser()
    events = parser.feed(b"".join(load("chat/stream").chunks[:3]))
    assert events == [Text("Hello"), Text("!"), Text(" I")]


def test_a_stream_is_text_then_a_finish_with_usage_and_durations() -> None:
    events, failure = parsed(load("chat/stream").chunks)
    *texts, finish = events
    assert failure is None
    assert all(isinstance(text, Text) for text in texts)
    assert isinstance(finish, Finish)
    assert finish.reason == "stop"
    assert finish.usage == Usage(prompt=10, completion=17)
    assert finish.wire == "ollama"
    assert finish.extra["total_duration"] == 4958148
    assert "created_at" not in finish.extra


def test_the_token_history_of_generate_rides_with_the_finish() -> None:
    events, _ = parsed(load("generate/plain").chunks)
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert isinstance(finish.extra["context"], list)


def test_log_probabilities_keep_token_bytes_and_alternatives() -> None:
    events, _ = parsed(load("chat/scripted-logprobs-stream").chunks)
    first = next(event for event in events if isinstance(event, Text))
    (logprob,) = first.logprobs
    assert isinstance(logprob, Logprob)
    assert logprob.token == first.text
    assert logprob.bytes == tuple(first.text.encode())
    assert logprob.top[0].token == logprob.token


def test_arguments_keep_their_order_and_kinds() -> None:
    events, _ = parsed(load("chat/scripted-tools-nested-arguments").chunks)
    call = next(event for event in events if isinstance(event, ToolCall))
    answer = json.loads(load("chat/scripted-tools-nested-arguments").answer)
    given = answer["message"]["tool_calls"][0]["function"]["arguments"]
    assert list(json.loads(call.arguments).items()) == list(given.items())


def test_only_the_first_of_several_calls_passes_when_one_is_wanted() -> None:
    answer = load("chat/tools-parallel-stream").answer
    every, first = AnswerParser().feed(answer), AnswerParser(one_call=True).feed(answer)
    assert [type(event) for event in every] == [ToolCall, ToolCall, Finish]
    assert first == [every[0], every[2]]


def test_a_forced_call_is_made_of_the_text() -> None:
    parser = AnswerParser(forced=True)
    pieces = ['{"name": "get_', 'weather", "argu', 'ments": {"city": "Paris"}}']
    events: list[Event] = []
    for piece in pieces:
        line = {"model": "m", "message": {"role": "assistant", "content": piece}, "done": False}
        events += parser.feed(json.dumps(line).encode() + b"\n")
    assert events == []
    events += parser.feed(b'{"message":{"content":""},"done":true,"done_reason":"stop"}\n')
    assert events[0] == ToolCall("get_weather", '{"city":"Paris"}')
    assert isinstance(events[1], Finish)
    assert events[1].reason == "tool_calls"


def test_a_forced_call_that_was_cut_off_is_text() -> None:
    parser = AnswerParser(forced=True)
    events = parser.feed(
        b'{"message":{"content":"{\\"name\\": \\"get"},"done":true,"done_reason":"length"}\n'
    )
    assert events[0] == Text('{"name": "get')
    assert isinstance(events[1], Finish)
    assert events[1].reason == "length"


def test_what_has_no_name_here_rides_along() -> None:
    events, _ = parsed(load("errors/stub-stream").chunks)
    text = next(event for event in events if isinstance(event, Text))
    assert text.extra is not None
    assert text.extra["remote_model"]


def test_blank_lines_and_spaces_that_keep_a_line_alive_are_nothing() -> None:
    (answer,) = load("chat/plain").chunks
    assert parsed([b"\n \n", b"  ", answer, b"\n\n"])[0] == parsed([answer])[0]


@pytest.mark.parametrize(
    "line",
    [b"<html>", b"[]", b"5", b'"error"', b"null", b'{"message":{"content":["x"]},"done":false}']
    + [b'{"message":{"content":"","tool_calls":[5]},"done":true}', b"\xff"]
    + [b'{"message":{"content":"a"},"done":false,"logprobs":[{}]}'],
)
def test_a_line_that_is_not_ollamas_is_garbled_and_what_came_before_counts(line: bytes) -> None:
    good = load("chat/stream").chunks[0]
    for pieces in ([good, line + b"\n"], [good + line + b"\n"], [good + line]):
        events, failure = parsed(pieces)
        assert events[0] == Text("Hello")
        assert isinstance(failure, EngineGarbled)


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [
        ("midstream/chat-error", "The sky", "KV cache is full"),
        ("midstream/chat-death", "The sky", "unexpected EOF"),
        ("midstream/generate-cut", "The sky", "unexpected EOF"),
        ("midstream/chat-garbage", "The", "error unmarshalling"),
        ("chat/scripted-tools-bad-arguments-late", "", "invalid tool call arguments"),
    ],
)
def test_an_error_line_ends_the_answer_after_what_came_before(
    name: str, said: str, message: str
) -> None:
    events, failure = parsed(load(name).chunks)
    assert whole(events, None).text.startswith(said)
    assert isinstance(failure, EngineFailed)
    assert message in failure.message
    assert not any(isinstance(event, Finish) for event in events)


def test_a_server_that_was_stopped_leaves_no_finish() -> None:
    events, failure = parsed(load("midstream/chat-server-stopped").chunks)
    assert len(events) > 3
    assert isinstance(failure, EngineBroke)


STATUSES: dict[str, tuple[type[EngineError], int]] = {
    "cloud-429": (EngineBusy, 503),
    "stub-429": (EngineBusy, 503),
    "stub-429-generate": (EngineBusy, 503),
    "queue-full": (EngineBusy, 503),
    "queue-full-embed": (EngineBusy, 503),
    "queue-full-generate": (EngineBusy, 503),
    "chat-status-503": (EngineBusy, 503),
    "cloud-401": (EngineFailed, 502),
    "chat-cloud-off": (EngineFailed, 502),
    "generate-cloud-off": (EngineFailed, 502),
    "cloud-unreachable": (EngineFailed, 502),
    "not-found": (EngineGarbled, 502),
    "not-found-tokenize": (EngineGarbled, 502),
    "method-not-allowed": (EngineGarbled, 502),
    "method-not-allowed-head": (EngineGarbled, 502),
    # faults of the request that Ollama answers with 500 or 501
    "image-text-model": (EngineRefused, 400),
    "chat-format-bad": (EngineRefused, 400),
    "chat-format-bad-native": (EngineRefused, 400),
    "chat-option-stop-string": (EngineRefused, 400),
    "chat-option-type": (EngineRefused, 400),
    "generate-template-bad": (EngineRefused, 400),
    "model-bad-parameter": (EngineRefused, 400),
    "chat-model": (EngineRefused, 400),
}
BY_STATUS: dict[int, tuple[type[EngineError], int]] = {
    400: (EngineRefused, 400),
    404: (EngineLacksModel, 404),
    500: (EngineFailed, 502),
}


def refusal(name: str) -> EngineError:
    recording = load(name)
    assert recording.status is not None
    headers = {key.lower(): value for key, value in recording.headers.items()}
    return parse_error(recording.status, recording.answer, headers.get("retry-after", ""))


@pytest.mark.parametrize("name", REFUSALS)
def test_a_recorded_refusal_is_the_right_error(name: str) -> None:
    status = load(name).status
    assert status is not None
    kind, http_status = STATUSES.get(name.split("/")[1]) or BY_STATUS[status]
    error = refusal(name)
    assert type(error) is kind
    assert error.http_status == http_status
    assert error.message
    assert not error.message.startswith("{")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("errors/chat-unknown-model", "model 'nope' not found"),
        ("errors/chat-bad-name-colon", "invalid model name"),
        ("errors/chat-tools-unsupported", "does not support tools"),
        ("errors/queue-full", "server busy"),
        ("errors/load-oom", "out of memory"),
        ("embed/list-of-empty", "input exceeds maximum context length"),
        ("midstream/chat-death-first", "model runner has unexpectedly stopped"),
        ("meta/not-found", "is it an Ollama server"),
    ],
)
def test_an_error_says_what_ollama_said(name: str, message: str) -> None:
    assert message in refusal(name).message


def test_a_busy_engine_says_when_to_come_back() -> None:
    assert refusal("errors/cloud-429").retry_after == 120
    assert parse_error(503, b"{}", "Fri, 20 Nov 2026 12:13:16 GMT").retry_after is None


@pytest.mark.parametrize("body", [b"", b"oops", b"[]", b'{"error":5}', b'{"error":{"a":1}}'])
def test_a_refusal_without_words_still_has_some(body: bytes) -> None:
    error = parse_error(500, body)
    assert isinstance(error, EngineFailed)
    assert error.message.startswith("The engine")


EMBEDDED = [name for name in names("embed") if load(name).status == 200]


@pytest.mark.parametrize("name", EMBEDDED)
def test_recorded_embeddings_parse(name: str) -> None:
    answer = json.loads(load(name).answer)
    found = parse_embed(load(name).answer)
    assert found.vectors == answer["embeddings"]
    assert found.usage == Usage(prompt=answer.get("prompt_eval_count", 0))
    assert found.extra.get("total_duration") == answer.get("total_duration")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"embeddings":5}'])
def test_an_answer_without_embeddings_is_garbled(body: bytes) -> None:
    with pytest.raises(EngineGarbled):
        parse_embed(body)


def test_tags_become_models() -> None:
    first, *_ = parse_tags(load("meta/tags").answer, "gpu1")
    assert (first.name, first.engine, first.context_length) == ("toy-chat:latest", "gpu1", 4096)
    assert first.capabilities == ("completion",)
    assert first.modified == pytest.approx(1795176796.71, abs=0.01)
    assert (first.family, first.parameters, first.quantization) == ("llama", "394K", "F16")
    assert first.digest == first.entry["digest"]
    assert not first.remote


def test_a_stub_in_tags_lacks_what_it_lacks() -> None:
    stubs = [m for m in parse_tags(load("meta/tags-stub").answer, "") if m.remote]
    assert stubs
    assert "remote_host" in stubs[0].entry
    assert stubs[0].capabilities == ()


def test_no_models_are_an_empty_list() -> None:
    assert parse_tags(load("meta/tags-empty").answer, "") == []
    assert parse_ps(load("meta/ps-empty").answer) == []


def test_ps_becomes_residents() -> None:
    found = parse_ps(load("meta/ps").answer)
    assert [one.name for one in found][0] == "toy-chat:latest"
    assert found[0].context_length == 4096
    assert found[0].quantization == "F16"
    assert found[0].expires > 1795176804


def test_a_model_kept_for_ever_expires_centuries_ahead() -> None:
    assert parse_ps(load("meta/ps-forever").answer)[0].expires > 10_000_000_000


def test_show_says_how_long_the_context_is() -> None:
    assert parse_context_length(load("meta/show-chat").answer) == 4096


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"models":5}', b'{"models":[{}]}'])
def test_a_list_of_models_that_is_none_is_garbled(body: bytes) -> None:
    with pytest.raises(EngineGarbled):
        parse_tags(body, "")
