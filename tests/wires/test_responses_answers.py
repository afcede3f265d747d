"""Responses and their streams as a client reads them."""

from typing import Any

import pytest
from hypothesis import given

from _llamagate.errors import EngineBroke, EngineGarbled, EngineRefused, GatewayError, TooMany
from _llamagate.exchange import (
    Event,
    Fields,
    Finish,
    Logprob,
    Message,
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
from _llamagate.wires.ollama.answers import AnswerParser
from _llamagate.wires.responses.reply import render_response
from _llamagate.wires.responses.request import AskedResponse, parse_request
from _llamagate.wires.responses.stream import ResponseStream
from tests.fakes.recorded import load
from tests.wires.answers import batches, named_events

LOGPROBS = (Logprob("Hi", -0.5, (72, 105), (Logprob("Ho", -1.5),)),)


class Nothing:
    """Nothing is kept of earlier responses."""

    def conversation(self, response_id: str) -> list[Fields] | None:
        return None

    def item(self, item_id: str) -> Fields | None:
        return None


def asked(**fields: Any) -> AskedResponse:
    return parse_request({"model": "m", "input": "Hi"} | fields, Nothing())


def streamed(*given: Event, **fields: Any) -> list[dict[str, Any]]:
    stream = ResponseStream("m", asked(**fields))
    return named_events(stream.feed(list(given)) + stream.end())


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def test_a_response_has_its_output_and_its_usage() -> None:
    call = ToolUse("f", '{"a":1}', "call_1")
    reply = Reply("Look:", Finish("tool_calls", Usage(11, 4, 2, 1)), "Hm.", (call,))
    found = render_response("m", asked(), reply)
    thought, said, called = found["output"]  # type: ignore[misc]
    assert thought["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert said["content"][0]["text"] == "Look:"
    assert (called["call_id"], called["name"], called["arguments"]) == ("call_1", "f", '{"a":1}')
    assert (found["status"], found["model"], found["error"]) == ("completed", "m", None)
    assert found["usage"] == {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 15,
    }


def test_an_answer_without_a_word_is_an_empty_text() -> None:
    (said,) = render_response("m", asked(), Reply("", Finish("stop")))["output"]  # type: ignore[misc]
    assert said["content"][0]["text"] == ""


@pytest.mark.parametrize(
    ("reason", "why"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_that_was_cut_is_incomplete(reason: str, why: str) -> None:
    found = render_response("m", asked(), Reply("Hel", Finish(reason)))
    assert found["status"] == found["output"][0]["status"] == "incomplete"  # type: ignore[index]
    assert found["incomplete_details"] == {"reason": why}


def test_reasoning_is_sealed_for_who_asks() -> None:
    wanted = asked(include=["reasoning.encrypted_content"])
    (thought, _) = render_response("m", wanted, Reply("", Finish("stop"), "Hm."))["output"]  # type: ignore[misc]
    assert thought["encrypted_content"] == "SG0u"


def test_log_probabilities_stand_beside_the_text() -> None:
    reply = Reply("Hi", Finish("stop"), logprobs=LOGPROBS)
    (said,) = render_response("m", asked(), reply)["output"]  # type: ignore[misc]
    (found,) = said["content"][0]["logprobs"]
    assert (found["token"], found["bytes"]) == ("Hi", (72, 105))
    assert found["top_logprobs"] == [{"token": "Ho", "logprob": -1.5, "bytes": ()}]


def test_text_is_streamed_as_one_message() -> None:
    found = streamed(Text("Hel"), Text("lo"), Finish("stop", Usage(11, 2)))
    assert kinds(found) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert found[0]["response"]["status"] == "in_progress"
    assert [event["delta"] for event in found[4:6]] == ["Hel", "lo"]
    assert found[6]["text"] == "Hello"
    assert found[-1]["response"]["output"] == [found[-2]["item"]]
    assert found[-1]["response"]["usage"]["total_tokens"] == 13


def test_reasoning_is_streamed_as_a_summary() -> None:
    found = streamed(Thinking("Hm"), Thinking("."), Text("Hi"), Finish("stop"))
    assert kinds(found)[2:9] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    assert found[6]["text"] == "Hm."


def test_a_call_is_streamed_with_its_arguments() -> None:
    found = streamed(
        ToolCall("f", "", "a"), ToolArguments('{"a"'), ToolArguments(":1}"), Finish("stop")
    )
    assert kinds(found)[2:7] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert found[2]["item"]["arguments"] == ""
    assert found[5]["arguments"] == found[6]["item"]["arguments"] == '{"a":1}'


def test_a_call_in_a_namespace_has_its_own_name_again() -> None:
    inner = {"type": "function", "name": "f", "parameters": {}}
    tools = [{"type": "namespace", "name": "crm", "description": "", "tools": [inner]}]
    found = streamed(ToolCall("crm__f", "{}", "a"), Finish("stop"), tools=tools)
    (item,) = found[-1]["response"]["output"]
    assert (item["name"], item["namespace"]) == ("f", "crm")
    reply = Reply("", Finish("stop"), tool_calls=(ToolUse("crm__f", "{}", "a"),))
    (item,) = render_response("m", asked(tools=tools), reply)["output"]  # type: ignore[misc]
    assert (item["name"], item["namespace"]) == ("f", "crm")


def test_log_probabilities_are_streamed_with_the_text() -> None:
    found = streamed(Text("Hi", logprobs=LOGPROBS), Text("!"), Finish("stop"))
    assert found[4]["logprobs"][0]["token"] == "Hi"
    assert found[5]["logprobs"] == []
    assert found[6]["logprobs"] == found[4]["logprobs"]


def test_a_stream_that_was_cut_ends_incomplete() -> None:
    found = streamed(Text("Hel"), Finish("length"))
    assert kinds(found)[-1] == "incomplete"
    assert found[-2]["item"]["status"] == "incomplete"
    assert found[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_an_empty_stream_has_an_empty_text() -> None:
    found = streamed(Finish("stop"))
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == ""


def test_calls_have_ids_of_their_own() -> None:
    found = streamed(*(ToolCall("f", "{}", id) for id in ("a", "a", "", "")), Finish("stop"))
    assert len({item["call_id"] for item in found[-1]["response"]["output"]}) == 4


def test_nothing_is_written_while_the_request_waits() -> None:
    assert ResponseStream("m", asked()).feed([Waiting(3, 1000)]) == b""


def test_what_is_to_be_kept_is_there_at_the_end_and_not_before() -> None:
    stream = ResponseStream("m", asked())
    stream.feed([Text("Hi")])
    assert stream.response is None
    found = named_events(stream.feed([Finish("stop")]))
    assert found[-1]["response"] == stream.response


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (EngineBroke("It broke."), "server_error"),
        (TooMany("It broke."), "rate_limit_exceeded"),
        (EngineRefused("It broke."), "invalid_prompt"),
    ],
)
@pytest.mark.parametrize("said", [[], [Text("Hel")], [Thinking("Hm")]])
def test_a_failure_ends_the_stream(error: GatewayError, code: str, said: list[Event]) -> None:
    stream = ResponseStream("m", asked())
    found = named_events(stream.feed(said) + stream.fail(error, "r-1"))
    assert kinds(found)[0] == "created"
    assert kinds(found)[-1] == "failed"
    response = found[-1]["response"]
    assert (response["status"], response["error"]) == (
        "failed",
        {"code": code, "message": "It broke."},
    )
    assert len(response["output"]) == len(said)
    assert stream.response is None


def test_arguments_without_a_call_are_the_engines_fault() -> None:
    with pytest.raises(EngineGarbled):
        ResponseStream("m", asked()).feed([Text("a"), ToolArguments("{}")])


@given(batches())
def test_every_stream_is_well_formed(given: list[list[Event]]) -> None:
    stream = ResponseStream("m", asked())
    found = named_events(b"".join(stream.feed(batch) for batch in given) + stream.end())
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert kinds(found)[:2] == ["created", "in_progress"]
    assert kinds(found)[-1] in ("completed", "incomplete")
    open_item: str | None = None
    following = 0
    done = []
    for event in found[2:-1]:
        match event["type"]:
            case "response.output_item.added":
                assert open_item is None
                assert event["output_index"] == following
                open_item = event["item"]["id"]
            case "response.output_item.done":
                assert event["item"]["id"] == open_item
                done.append(event["item"])
                open_item, following = None, following + 1
            case _:
                assert event["item_id"] == open_item
                assert event["output_index"] == following
    assert open_item is None
    assert found[-1]["response"]["output"] == done


@given(batches())
def test_a_stream_says_the_same_as_a_plain_answer(given: list[list[Event]]) -> None:
    stream = ResponseStream("m", asked())
    for batch in given:
        stream.feed(batch)
    (reply,) = collect_batches(given)
    plain, flowing = render_response("m", asked(), reply), stream.response or {}
    assert plain["status"] == flowing["status"]
    assert plain["usage"] == flowing["usage"]
    assert _said(plain) == _said(flowing)


def _said(response: Fields) -> tuple[str, str, list[tuple[str, str]]]:
    text = thinking = ""
    calls = []
    for item in response["output"]:  # type: ignore[attr-defined]
        if item["type"] == "message":
            text += item["content"][0]["text"]
        elif item["type"] == "reasoning":
            thinking += item["summary"][0]["text"]
        else:
            calls.append((item["name"], item["arguments"]))
    return text, thinking, calls


@given(batches())
def test_an_answer_sent_back_is_what_the_engine_said(given: list[list[Event]]) -> None:
    (reply,) = collect_batches(given)
    if any(call.arguments not in ("{}", '{"a":1}', "") for call in reply.tool_calls):
        return
    output = render_response("m", asked(), reply)["output"]
    (found, *more) = asked(input=output).chat.messages or [Message("assistant", "")]
    assert not more
    assert (found.text, found.thinking) == (reply.text, reply.thinking)
    assert [use.name for use in found.tool_calls] == [use.name for use in reply.tool_calls]


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("chat/stream", ["message"]),
        ("chat/tools-parallel-stream", ["function_call", "function_call"]),
        ("chat/scripted-think-text-tool-stream", ["reasoning", "message", "function_call"]),
        ("chat/empty-answer-stream", ["message"]),
    ],
)
def test_recorded_streams_become_items(name: str, items: list[str]) -> None:
    parser, stream = AnswerParser(), ResponseStream("m", asked())
    for chunk in load(name).chunks:
        stream.feed(parser.feed(chunk))
    response: dict[str, Any] = stream.response or {}
    assert [item["type"] for item in response["output"]] == items
    assert response["usage"]["input_tokens"] > 0
