"""Whole answers, errors and lists of models as an Anthropic client reads them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.errors import (
    EngineBroke,
    EngineGarbled,
    EngineRefused,
    EngineTimeout,
    GatewayError,
    InvalidRequest,
    NoSuchModel,
    NotAllowed,
    NotSignedIn,
    QueueFull,
    TooLarge,
    TooMany,
)
from _llamagate.exchange import Finish, Message, Model, Reply, ToolUse, Usage
from _llamagate.wires.anthropic.errors import render_error
from _llamagate.wires.anthropic.models import Page, parse_page, render_model, render_models
from _llamagate.wires.anthropic.reply import SIGNATURE, render_reply
from _llamagate.wires.anthropic.request import parse_request
from _llamagate.wires.anthropic.tool_ids import ClientIds, engine_id


def rendered(reply: Reply, **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(render_reply("m", reply, **how))
    return found


def test_an_answer_has_thinking_then_text_then_calls() -> None:
    call = ToolUse("get_weather", '{"city":"Paris"}', "toolu_1")
    reply = Reply("Look:", Finish("tool_calls", Usage(11, 4)), "Hm.", (call,))
    found = rendered(reply)
    assert found["content"] == [
        {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE},
        {"type": "text", "text": "Look:"},
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}},
    ]
    assert (found["type"], found["role"], found["model"]) == ("message", "assistant", "m")
    assert found["id"].startswith("msg_")
    assert found["usage"]["input_tokens"] == 11
    assert found["usage"]["output_tokens"] == 4


def test_an_empty_answer_is_an_empty_list() -> None:
    assert rendered(Reply("", Finish("stop")))["content"] == []


def test_thinking_that_the_client_does_not_want_leaves_its_signature() -> None:
    found = rendered(Reply("Hi", Finish("stop"), "Hm."), show_thinking=False)
    assert found["content"][0] == {"type": "thinking", "thinking": "", "signature": SIGNATURE}


@pytest.mark.parametrize(
    ("finish", "reason", "text"),
    [
        (Finish("stop"), "end_turn", None),
        (Finish("load"), "end_turn", None),
        (Finish("length"), "max_tokens", None),
        (Finish("content_filter"), "refusal", None),
        (Finish("stop", stop_sequence="END"), "stop_sequence", "END"),
        (Finish("stop_sequence", stop_sequence="END"), "stop_sequence", "END"),
    ],
)
def test_why_an_answer_ended(finish: Finish, reason: str, text: str | None) -> None:
    found = rendered(Reply("Hi", finish))
    assert (found["stop_reason"], found["stop_sequence"]) == (reason, text)


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_an_answer_with_a_call_ended_to_have_it_run(reason: str) -> None:
    found = rendered(Reply("", Finish(reason), tool_calls=(ToolUse("f", "{}"),)))
    assert found["stop_reason"] == "tool_use"
    assert found["content"][0]["id"].startswith("toolu_")


def test_a_call_that_was_cut_off_is_not_offered_to_run() -> None:
    found = rendered(Reply("", Finish("length"), tool_calls=(ToolUse("f", '{"a": '),)))
    assert (found["content"], found["stop_reason"]) == ([], "max_tokens")


@pytest.mark.parametrize("arguments", ["[1]", "{a: 1}", "null"])
def test_arguments_that_are_no_object_are_the_engines_fault(arguments: str) -> None:
    with pytest.raises(EngineGarbled, match="'f'"):
        render_reply("m", Reply("", Finish("stop"), tool_calls=(ToolUse("f", arguments),)))


def test_cached_tokens_are_counted_apart() -> None:
    usage = rendered(Reply("Hi", Finish("stop", Usage(100, 5, cached=80, reasoning=3))))["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (20, 80)
    assert usage["output_tokens_details"] == {"thinking_tokens": 3}


@given(st.text(st.characters(codec="utf-8")))
def test_an_engines_id_of_a_call_comes_back_as_it_was(id: str) -> None:
    given_id = ClientIds().next(id)
    assert given_id.startswith("toolu_")
    if id:
        assert engine_id(given_id) == id


def test_ids_of_other_makers_stay_as_they_are() -> None:
    for id in ("toolu_01D7FLrfh4GYq7yT1ULFeyMV", "call_1", "toolu_b64_!", "toolu_b64_gICA"):
        assert engine_id(id) == id


def test_no_two_calls_of_an_answer_have_the_same_id() -> None:
    calls = tuple(ToolUse("f", "{}", id) for id in ("a", "a", "", ""))
    content = rendered(Reply("", Finish("stop"), tool_calls=calls))["content"]
    assert len({block["id"] for block in content}) == 4


@given(
    text=st.text(st.characters(codec="utf-8")),
    thinking=st.text(st.characters(codec="utf-8")),
    ids=st.lists(st.sampled_from(["a", "fn:0", "call_1"]), unique=True),
)
def test_an_answer_sent_back_is_what_the_engine_said(
    text: str, thinking: str, ids: list[str]
) -> None:
    calls = tuple(ToolUse("f", '{"a":[1,"ä"]}', id) for id in ids)
    content = rendered(Reply(text, Finish("stop"), thinking, calls))["content"]
    body = {"max_tokens": 1, "messages": [{"role": "assistant", "content": content}]}
    assert parse_request(body).chat.messages == (
        Message("assistant", text, thinking=thinking, tool_calls=calls),
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRequest("x"), "invalid_request_error"),
        (EngineRefused("x", 422), "invalid_request_error"),
        (NotSignedIn("x"), "authentication_error"),
        (NotAllowed("x"), "permission_error"),
        (NoSuchModel("x"), "not_found_error"),
        (TooLarge("x"), "request_too_large"),
        (TooMany("x"), "rate_limit_error"),
        (EngineBroke("x"), "api_error"),
        (QueueFull("x"), "overloaded_error"),
        (EngineTimeout("x"), "timeout_error"),
    ],
)
def test_errors_have_anthropics_types(error: GatewayError, kind: str) -> None:
    assert render_error(error, "r-1") == {
        "type": "error",
        "error": {"type": kind, "message": "x"},
        "request_id": "r-1",
    }


MODELS = [Model(f"m{number}:latest", modified=1_700_000_000) for number in range(5)]


def names(page: dict[str, Any]) -> list[str]:
    return [model["id"].partition(":")[0] for model in page["data"]]


def test_a_model_has_its_name_and_date() -> None:
    found = render_model(Model("tiny:latest", modified=1_700_000_000.5, context_length=8192))
    assert found["id"] == found["display_name"] == "tiny:latest"
    assert (found["type"], found["created_at"]) == ("model", "2023-11-14T22:13:20Z")
    assert found["max_input_tokens"] == 8192


def test_all_models_on_one_page() -> None:
    found = render_models(MODELS, parse_page({}))
    assert names(found) == ["m0", "m1", "m2", "m3", "m4"]
    assert (found["first_id"], found["last_id"]) == ("m0:latest", "m4:latest")
    assert found["has_more"] is False


def test_pages_follow_each_other_in_both_directions() -> None:
    first = render_models(MODELS, parse_page({"limit": "2"}))
    assert (names(first), first["has_more"]) == (["m0", "m1"], True)
    second = render_models(MODELS, parse_page({"limit": "3", "after_id": first["last_id"]}))
    assert (names(second), second["has_more"]) == (["m2", "m3", "m4"], False)
    before = render_models(MODELS, parse_page({"limit": "2", "before_id": "m3:latest"}))
    assert (names(before), before["has_more"]) == (["m1", "m2"], True)


def test_no_models_are_an_empty_page() -> None:
    found = render_models([], Page())
    assert (found["data"], found["first_id"], found["has_more"]) == ([], None, False)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"after_id": "a", "before_id": "b"}, "before_id"),
        ({"after_id": "gone"}, "after_id"),
        ({"before_id": "gone"}, "before_id"),
    ],
)
def test_a_bad_page_is_refused(query: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        render_models(MODELS, parse_page(query))
    assert refused.value.param == param
