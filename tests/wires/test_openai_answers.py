"""A chat's answer in OpenAI's words, whole and streamed."""

from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from hypothesis import assume, given

from _llamagate.errors import EngineBroke, NoSuchModel
from _llamagate.exchange import (
    Event,
    Finish,
    Logprob,
    Reply,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    ToolUse,
    Usage,
    Waiting,
    collect_batches,
)
from _llamagate.wires.openai.chat_answers import DONE, ChatStream, render_reply
from _llamagate.wires.openai.engine_answers import AnswerParser
from _llamagate.wires.openai.errors import render_error
from tests.wires.answers import batches

END = Finish("stop", Usage(7, 3))
SURE = Logprob("a", -0.5, (97,), (Logprob("a", -0.5, (97,)), Logprob("b", -1.5)))


def stream(*given: Event, **how: Any) -> list[dict[str, Any]]:
    """The chunks of a stream, which ends with [DONE] and has one id throughout."""
    renderer = ChatStream("m", **how)
    sent = b"".join(renderer.feed([event]) for event in given) + renderer.end()
    assert sent.endswith(DONE)
    chunks = [
        orjson.loads(frame.removeprefix(b"data: "))
        for frame in sent.removesuffix(DONE).split(b"\n\n")[:-1]
    ]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    return chunks


def deltas(*given: Event, **how: Any) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in stream(*given, **how)]


def whole(*replies: Reply, **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(render_reply("m", replies, **how))
    return found


# ---------------------------------------------------------------- whole


def test_a_whole_answer_has_every_field_that_openai_has() -> None:
    answer = whole(Reply("Hello", END))
    assert answer["id"].startswith("chatcmpl-")
    assert (answer["object"], answer["model"]) == ("chat.completion", "m")
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert answer["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 3,
        "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def test_thinking_has_both_of_its_names() -> None:
    message = whole(Reply("x", END, thinking="hm"))["choices"][0]["message"]
    assert (message["reasoning_content"], message["reasoning"]) == ("hm", "hm")


def test_calls_have_ids_of_their_own_and_arguments_as_text() -> None:
    calls = (ToolUse("f", '{"a":1}', "call_x"), ToolUse("g", ""))
    choice = whole(Reply("", Finish("tool_calls"), tool_calls=calls))["choices"][0]
    first, second = choice["message"]["tool_calls"]
    assert choice["message"]["content"] is None
    assert first["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert first["id"] == "call_x"
    assert second["id"].startswith("call_")
    assert second["function"]["arguments"] == "{}"
    assert choice["finish_reason"] == "tool_calls"


def test_the_older_form_of_a_call_stands_in_the_message() -> None:
    reply = Reply("", Finish("tool_calls"), tool_calls=(ToolUse("f", "{}"),))
    choice = whole(reply, legacy=True)["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"


def test_the_prompt_of_several_choices_counts_once() -> None:
    replies = (
        Reply("a", Finish("stop", Usage(7, 3))),
        Reply("b", Finish("stop", Usage(7, 4)), choice=1),
    )
    answer = whole(*replies)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (7, 7)


@pytest.mark.parametrize(
    ("reason", "said"),
    [("stop", "stop"), ("length", "length"), ("stop_sequence", "stop"), ("load", "stop")]
    + [("unload", "stop"), ("content_filter", "content_filter")],
)
def test_the_reason_to_end_is_in_openais_words(reason: str, said: str) -> None:
    assert whole(Reply("", Finish(reason)))["choices"][0]["finish_reason"] == said
    assert stream(Finish(reason))[-1]["choices"][0]["finish_reason"] == said


def test_logprobs_are_as_openai_has_them() -> None:
    wanted = {
        "content": [
            {
                "token": "a",
                "logprob": -0.5,
                "bytes": [97],
                "top_logprobs": [
                    {"token": "a", "logprob": -0.5, "bytes": [97]},
                    {"token": "b", "logprob": -1.5, "bytes": None},
                ],
            }
        ],
        "refusal": None,
    }
    assert whole(Reply("a", END, logprobs=(SURE,)))["choices"][0]["logprobs"] == wanted
    chunk = stream(Text("a", logprobs=(SURE,)), END)[1]
    assert chunk["choices"][0]["logprobs"] == wanted


def test_what_an_engine_of_the_same_wire_says_more_is_passed_on() -> None:
    finish = Finish("stop", extra={"system_fingerprint": "fp"}, wire="openai")
    assert whole(Reply("x", finish))["system_fingerprint"] == "fp"
    foreign = Finish("stop", extra={"total_duration": 5}, wire="ollama")
    assert "total_duration" not in whole(Reply("x", foreign))


# ---------------------------------------------------------------- streamed


def test_the_first_chunk_has_the_role_and_the_last_the_reason() -> None:
    chunks = stream(Text("Hel"), Text("lo"), END)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hel"},
        {"content": "lo"},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 3 + ["stop"]
    assert all("usage" not in chunk for chunk in chunks)


def test_an_empty_piece_of_text_says_nothing() -> None:
    assert len(stream(Text(""), Text("a"), Text(""), END)) == 3


def test_thinking_is_streamed_under_both_names() -> None:
    assert deltas(Thinking("hm"), END)[1] == {"reasoning_content": "hm", "reasoning": "hm"}


def test_calls_have_a_running_index_and_pieces_of_arguments_follow_theirs() -> None:
    _, first, piece, second, _ = deltas(
        ToolCall("f", '{"a"', "call_1"),
        ToolArguments(":1}"),
        ToolCall("g", "{}"),
        Finish("tool_calls"),
    )
    function = {"name": "f", "arguments": '{"a"'}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    assert first == {"tool_calls": [call]}
    assert piece == {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}
    assert second["tool_calls"][0]["index"] == 1
    assert second["tool_calls"][0]["id"].startswith("call_")


def test_no_two_calls_of_an_answer_have_one_id_whatever_the_engine_says() -> None:
    calls = (ToolCall("f", "{}", "call_1"), ToolCall("g", "{}", "call_1"))
    _, *both, _ = deltas(*calls, Finish("tool_calls"))
    assert both[0]["tool_calls"][0]["id"] == "call_1"
    assert both[1]["tool_calls"][0]["id"] not in ("", "call_1")
    uses = tuple(ToolUse(name, "{}", "call_1") for name in "fg")
    answer = whole(Reply("", Finish("tool_calls"), tool_calls=uses))
    first, second = answer["choices"][0]["message"]["tool_calls"]
    assert (first["id"], second["id"] != "call_1") == ("call_1", True)


def test_the_older_form_of_a_call_is_streamed_without_index_and_id() -> None:
    given = (ToolCall("f", "{", "call_1"), ToolArguments("}"), Finish("tool_calls"))
    _, first, piece, _ = deltas(*given, legacy=True)
    assert first == {"function_call": {"name": "f", "arguments": "{"}}
    assert piece == {"function_call": {"arguments": "}"}}


def test_usage_comes_in_a_chunk_of_its_own_where_it_was_asked_for() -> None:
    *others, last = stream(Text("a"), END, include_usage=True)
    assert [chunk["usage"] for chunk in others] == [None] * 3
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 10


def test_each_choice_has_its_own_first_chunk_whatever_comes_first() -> None:
    chunks = stream(Text("b", 1), Text("a"), Finish("stop", choice=1), END)
    begun: set[int] = set()
    for chunk in chunks:
        (choice,) = chunk["choices"]
        assert (choice["delta"].get("role") == "assistant") == (choice["index"] not in begun)
        begun.add(choice["index"])
    assert begun == {0, 1}


def test_waiting_is_nothing_that_openai_has_words_for() -> None:
    assert ChatStream("m").feed([Waiting(1, 500)]) == b""


def test_an_error_in_the_stream_is_an_event_and_no_end() -> None:
    sent = ChatStream("m").fail(EngineBroke("It broke."), "req_1")
    found = orjson.loads(sent.removeprefix(b"data: "))
    assert found == render_error(EngineBroke("It broke."), "req_1")
    assert b"[DONE]" not in sent
    assert sent.endswith(b"\n\n")


def test_line_ends_inside_of_words_do_not_end_an_event() -> None:
    sent = ChatStream("m").feed([Text("a"), Text("\n\ndata: [DONE]\n\n\u2028")])
    assert sent.count(b"\n") == 2 * 3  # the role, and two pieces


# ---------------------------------------------------------------- there and back


def joined(events: Iterable[Event]) -> Reply:
    (reply,) = collect_batches([list(events)])
    return reply


@given(batches())
def test_what_is_streamed_is_read_back_as_the_same_answer(sent: list[list[Event]]) -> None:
    ids = [event.id for batch in sent for event in batch if isinstance(event, ToolCall)]
    assume(len(set(filter(None, ids))) == len(list(filter(None, ids))))
    renderer, parser = ChatStream("m", include_usage=True), AnswerParser()
    read: list[Event] = []
    for batch in sent:
        read += parser.feed(renderer.feed(batch))
    read += parser.feed(renderer.end()) + parser.end()
    assert parser.failure is None
    found, meant = joined(read), joined(event for batch in sent for event in batch)
    assert (found.text, found.thinking) == (meant.text, meant.thinking)
    assert found.logprobs == meant.logprobs
    assert [(c.name, c.arguments) for c in found.tool_calls] == [
        (c.name, c.arguments) for c in meant.tool_calls
    ]
    assert found.finish.usage == meant.finish.usage


@given(batches())
def test_a_stream_and_a_whole_answer_say_the_same(sent: list[list[Event]]) -> None:
    reply = joined(event for batch in sent for event in batch)
    message = whole(reply)["choices"][0]["message"]
    parts = deltas(*(event for batch in sent for event in batch))
    assert "".join(part.get("content", "") for part in parts) == (message["content"] or "")
    assert "".join(part.get("reasoning", "") for part in parts) == message.get("reasoning", "")
    begun = [
        call["function"]["name"]
        for part in parts
        for call in part.get("tool_calls", ())
        if "name" in call["function"]
    ]
    assert begun == [call["function"]["name"] for call in message.get("tool_calls", ())]


# ---------------------------------------------------------------- errors


def test_an_unknown_model_is_an_error_as_openai_has_it() -> None:
    assert render_error(NoSuchModel.named("x"), "req_1") == {
        "error": {
            "message": "The model `x` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
            "request_id": "req_1",
        }
    }
