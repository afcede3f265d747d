"""Answers as Ollama's clients read them: an Ollama's come through, the rest is measured."""

from typing import Any

import orjson
import pytest
from hypothesis import given

from _llamagate.errors import EngineGarbled, EngineTimeout, NoSuchModel
from _llamagate.exchange import (
    Call,
    Embedded,
    Event,
    Finish,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Usage,
    Waiting,
    collect_batches,
)
from _llamagate.wires.ollama import answers, client
from _llamagate.wires.ollama.client_answers import (
    ChatLines,
    GenerateLines,
    Lines,
    render_embed,
    render_embedding,
)
from tests.fakes.recorded import Recording, load, names
from tests.wires.answers import batches

CALL = Call("req_1")
COUNTED = ("prompt_eval_count", "eval_count")
DURATIONS = ("total_duration", "prompt_eval_duration", "eval_duration")


def whole(name: str) -> bool:
    recording = load(name)
    lines = recording.answer.splitlines()
    return recording.status == 200 and bool(lines) and bool(orjson.loads(lines[-1]).get("done"))


RECORDED = [name for name in names("chat", "generate", "midstream") if whole(name)]


def parsed(recording: Recording) -> list[list[Event]]:
    parser = answers.AnswerParser()
    fed = [parser.feed(chunk) for chunk in recording.chunks]
    return [events for events in [*fed, parser.end()] if events]


def lines_of(found: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in found.splitlines()]


def streamed(lines: Lines, found: list[list[Event]]) -> list[dict[str, Any]]:
    return lines_of(b"".join(map(lines.feed, found)) + lines.end())


def told(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What an answer says, however it is cut into lines."""
    spoken = [line.get("message", line) for line in lines]
    last = {k: v for k, v in lines[-1].items() if k not in ("created_at", "logprobs", "message")}
    calls = [call for one in spoken for call in one.get("tool_calls") or []]
    return {
        "text": "".join(one.get("content") or one.get("response") or "" for one in spoken),
        "thinking": "".join(one.get("thinking") or "" for one in spoken),
        "calls": [{"id": "", **call} for call in calls],
        "logprobs": [entry for line in lines for entry in line.get("logprobs") or []],
        "last": {k: v for k, v in last.items() if k not in ("response", "thinking", "tool_calls")},
    }


@pytest.mark.parametrize("name", RECORDED)
def test_what_an_ollama_said_reaches_an_ollama_client_as_it_was(name: str) -> None:
    recording = load(name)
    form = ChatLines if recording.path == "/api/chat" else GenerateLines
    model = lines_of(recording.answer)[-1]["model"]
    expected = told(lines_of(recording.answer))
    found = told(streamed(form(model, CALL), parsed(recording)))
    plain = told([orjson.loads(form(model, CALL).reply(collect_batches(parsed(recording))[0]))])
    assert with_ids_of(found, expected) == expected
    assert with_ids_of(plain, expected) == expected


def with_ids_of(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Where the engine gave a call no id, one was made up."""
    for call, recorded in zip(found["calls"], expected["calls"], strict=True):
        if not recorded["id"]:
            assert call["id"].startswith("call_")
            call["id"] = ""
    return found


@given(batches())
def test_any_answer_is_whole_lines_and_one_end(found: list[list[Event]]) -> None:
    reply = collect_batches(found)[0]
    if any(
        call.arguments not in ("", "{}", '{"city":"Paris"}', '{"a":1}') for call in reply.tool_calls
    ):
        return
    lines = ChatLines("m", CALL)
    written = b"".join(map(lines.feed, found)) + lines.end()
    assert written.endswith(b"\n")
    assert written.decode().splitlines() == written.decode().split("\n")[:-1]
    said = told(lines_of(written))
    assert (said["text"], said["thinking"]) == (reply.text, reply.thinking)
    assert [call["function"]["index"] for call in said["calls"]] == [*range(len(reply.tool_calls))]
    assert [line["done"] for line in lines_of(written)].count(True) == 1
    assert said["last"]["done"]


def test_unknown_fields_of_an_ollama_come_through_wherever_they_stand() -> None:
    line = {
        "model": "theirs",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {
            "role": "assistant",
            "content": "Hi",
            "mood": "fine",
            "tool_calls": [
                {
                    "id": "c1",
                    "kind": "k",
                    "function": {"index": 0, "name": "f", "arguments": {}, "why": "w"},
                }
            ],
        },
        "done": False,
        "remote_model": "far",
    }
    last = {
        "model": "theirs",
        "message": {"role": "assistant", "content": "", "mood": "better"},
        "done": True,
        "done_reason": "stop",
        "total_duration": 5,
        "watts": 300,
    }
    parser = answers.AnswerParser()
    events = parser.feed(orjson.dumps(line) + b"\n" + orjson.dumps(last) + b"\n")
    first, call, end = streamed(ChatLines("ours", CALL), [events])
    assert (first["remote_model"], first["message"]["mood"]) == ("far", "fine")
    assert call["message"]["tool_calls"] == line["message"]["tool_calls"]
    assert (end["watts"], end["total_duration"], end["message"]["mood"]) == (300, 5, "better")
    assert {line["model"] for line in (first, call, end)} == {"ours"}


def test_the_letters_at_which_clients_end_a_line_are_escaped() -> None:
    text = "one\u2028two\u2029three\x85four\u2027five\x84"
    for lines in (ChatLines("m\u2028", CALL), GenerateLines("m\u2028", CALL)):
        written = lines.feed([Text("begun"), Text(text), Thinking(text)])
        assert len(written.decode().splitlines()) == 3
        assert told(lines_of(written))["text"] == "begun" + text


def test_a_call_in_pieces_is_told_whole_and_in_its_place() -> None:
    events: list[Event] = [
        Text("Let me see."),
        ToolCall("f", '{"a"'),
        ToolArguments(":1}"),
        ToolCall("g", "", "call_9"),
        Finish("tool_calls"),
    ]
    text, first, second, last = streamed(ChatLines("m", CALL), [[event] for event in events])
    assert text["message"]["content"] == "Let me see."
    (call,) = first["message"]["tool_calls"]
    assert call["function"] == {"index": 0, "name": "f", "arguments": {"a": 1}}
    assert call["id"].startswith("call_")
    (call,) = second["message"]["tool_calls"]
    assert call == {"id": "call_9", "function": {"index": 1, "name": "g", "arguments": {}}}
    assert last["done_reason"] == "stop"  # Ollama has no other word for it


@pytest.mark.parametrize("arguments", ['{"a"', "[]", "5"])
def test_a_call_without_an_object_is_an_error_not_an_answer(arguments: str) -> None:
    events: list[Event] = [ToolCall("f", arguments), Finish("tool_calls")]
    with pytest.raises(EngineGarbled):
        ChatLines("m", CALL).feed(events)
    with pytest.raises(EngineGarbled):
        ChatLines("m", CALL).reply(collect_batches([events])[0])


def test_durations_are_measured_where_the_engine_tells_none() -> None:
    call = Call("req_1")
    call.started -= 3
    call.first_event = call.started + 2
    call.queue_ms = 500
    finish = Finish("length", Usage(11, 4), wire="openai", extra={"system_fingerprint": "fp"})
    (last,) = streamed(ChatLines("m", call), [[finish]])
    assert (last["prompt_eval_count"], last["eval_count"]) == (11, 4)
    assert 3e9 <= last["total_duration"] < 4e9
    assert last["prompt_eval_duration"] == pytest.approx(1.5e9, abs=1e6)
    assert 1e9 <= last["eval_duration"] < 2e9
    assert "system_fingerprint" not in last


def test_loading_and_unloading_take_no_measures() -> None:
    for reason in ("load", "unload"):
        (last,) = streamed(GenerateLines("m", CALL), [[Finish(reason)]])
        assert last.keys() == {"model", "created_at", "response", "done", "done_reason"}
        assert last["done_reason"] == reason


def test_what_is_nothing_is_left_out() -> None:
    (last,) = streamed(ChatLines("m", CALL), [[Finish("stop", wire="ollama")]])
    assert not {*COUNTED, *DURATIONS} & last.keys()


def test_waiting_and_empty_text_write_nothing() -> None:
    assert ChatLines("m", CALL).feed([Waiting(1, 5), Text("")]) == b""


def test_a_stamp_is_of_this_second_and_in_utc() -> None:
    lines = ChatLines("m", CALL)
    first, second = streamed(lines, [[Text("a")], [Finish("stop")]])
    for line in (first, second):
        assert len(line["created_at"]) == len("2026-11-20T09:59:40.424251223Z")
        assert line["created_at"].endswith("Z")
    assert first["created_at"] <= second["created_at"]


def test_an_error_is_the_last_line() -> None:
    written = ChatLines("m", CALL).fail(EngineTimeout("too\u2028late"), "req_1")
    assert written.isascii()
    assert lines_of(written) == [{"error": "too\u2028late"}]


def test_a_missing_model_is_told_in_words_that_clients_look_for() -> None:
    (line,) = lines_of(ChatLines("m", CALL).fail(NoSuchModel.named("gone"), "req_1"))
    assert "not found" in line["error"]
    assert "`gone`" in line["error"]


@pytest.mark.parametrize("name", ["embed/batch", "embed/single", "embed/load"])
def test_embeddings_come_through(name: str) -> None:
    recorded = orjson.loads(load(name).answer)
    found = render_embed(recorded["model"], answers.parse_embed(load(name).answer), CALL)
    assert orjson.loads(found) == recorded


def test_an_embedding_of_another_engine_takes_the_time_it_took() -> None:
    call = Call("req_1")
    call.started -= 1
    found = orjson.loads(render_embed("m", Embedded([[1.0]], Usage(3)), call))
    assert found.pop("total_duration") >= 1e9
    assert found == {"model": "m", "embeddings": [[1.0]], "prompt_eval_count": 3}


def test_the_older_embedding_is_one_vector_or_none() -> None:
    text = client.parse_embeddings({"model": "m", "prompt": "a"})
    nothing = client.parse_embeddings({"model": "m", "prompt": ""})
    assert orjson.loads(render_embedding(text, Embedded([[1.0]]))) == {"embedding": [1.0]}
    assert orjson.loads(render_embedding(nothing, Embedded([]))) == {"embedding": []}
