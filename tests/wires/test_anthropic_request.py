"""What becomes of a conversation that an Anthropic client sends."""

from typing import Any

import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, ImagePart, Message, TextPart, Tool, ToolUse
from _llamagate.wires.anthropic.request import parse_count, parse_request
from tests.fakes.recorded import load

TAKEN = [
    *("messages", "messages-beta", "messages-stream", "system", "system-blocks", "max-tokens"),
    *("thinking-enabled", "thinking-disabled", "stop-sequence", "unknown-blocks", "scripted-image"),
    *("tools", "tools-parallel-stream", "tools-result", "tool-choice-none"),
    "scripted-think-text-tools-stream",
]
WEATHER = {"name": "get_weather", "input_schema": {"type": "object"}}


def chat(**fields: Any) -> Chat:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
    return parse_request(body | fields).chat


def messages(*found: dict[str, Any]) -> tuple[Message, ...]:
    return chat(messages=list(found)).messages


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def tool_use(id: str, name: str, **input: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": input}


def test_the_system_prompt_is_the_first_message() -> None:
    assert chat(system="Be brief.").messages[0] == Message("system", "Be brief.")


def test_blocks_of_the_system_prompt_are_paragraphs() -> None:
    blocks = [text("Be brief."), text("Be kind.") | {"cache_control": {"type": "ephemeral"}}]
    assert chat(system=blocks).messages[0] == Message("system", "Be brief.\nBe kind.")


def test_an_empty_system_prompt_is_none() -> None:
    assert chat(system="").messages == chat(system=[]).messages == (Message("user", "Hi"),)


def test_a_system_message_may_stand_in_the_middle() -> None:
    found = messages(user(text("a")), {"role": "system", "content": [text("b")]}, user(text("c")))
    assert found[1] == Message("system", "b")


def test_sampling_reaches_the_engine() -> None:
    found = chat(temperature=0, top_p=0.5, top_k=40, stop_sequences=["END"], stream=True)
    assert (found.temperature, found.top_p, found.top_k) == (0, 0.5, 40)
    assert (found.stop, found.max_tokens, found.stream) == (("END",), 100, True)


def test_what_the_client_leaves_out_is_left_to_the_model() -> None:
    found = chat()
    assert (found.temperature, found.top_p, found.top_k, found.think) == (None,) * 4


def test_fields_of_local_engines_are_understood() -> None:
    found = chat(min_p=0.1, num_ctx=8192, keep_alive="5m", options={"mirostat": 1}, think="low")
    assert (found.min_p, found.num_ctx, found.keep_alive) == (0.1, 8192, "5m")
    assert (found.options, found.think) == ({"mirostat": 1}, "low")


def test_pictures_keep_their_place_between_the_texts() -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    (found,) = messages(user(text("a"), {"type": "image", "source": picture}, text("b")))
    assert found.content == (TextPart("a"), ImagePart("aGk=", "image/png"), TextPart("\nb"))


def test_a_text_document_stands_in_the_prompt() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Once upon a time"}
    block = {"type": "document", "source": source, "title": "Tales", "context": "For children"}
    (found,) = messages(user(block, text("Summarise.")))
    expected = "<document>\nTales\nFor children\nOnce upon a time\n</document>\nSummarise."
    assert found.content == expected


def test_a_document_of_blocks_keeps_its_pictures() -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    source = {"type": "content", "content": [text("a"), {"type": "image", "source": picture}]}
    (found,) = messages(user({"type": "document", "source": source}))
    assert found.text == "<document>\na\n</document>"
    assert ImagePart("aGk=", "image/png") in found.content


def test_a_search_result_stands_in_the_prompt() -> None:
    block = {"type": "search_result", "source": "http://a", "title": "A", "content": [text("x")]}
    (found,) = messages(user(block))
    assert found.content == "<search_result>\nA\nhttp://a\nx\n</search_result>"


def test_calls_and_results_find_each_other() -> None:
    found = messages(
        user(text("Weather?")),
        assistant(text("Let me look."), tool_use("toolu_1", "get_weather", city="Paris")),
        user({"type": "tool_result", "tool_use_id": "toolu_1", "content": "18"}),
    )
    call = ToolUse("get_weather", '{"city":"Paris"}', "toolu_1")
    assert found[1] == Message("assistant", "Let me look.", tool_calls=(call,))
    assert found[2] == Message("tool", "18", tool_call_id="toolu_1", tool_name="get_weather")


def test_each_of_several_results_is_a_message_and_the_text_follows() -> None:
    found = messages(
        assistant(tool_use("a", "f"), tool_use("b", "g")),
        user(
            {"type": "tool_result", "tool_use_id": "b", "content": [text("1"), text("2")]},
            {"type": "tool_result", "tool_use_id": "a", "is_error": True},
            text("Go on."),
        ),
    )
    assert found[1] == Message("tool", "1\n2", tool_call_id="b", tool_name="g")
    assert found[2] == Message("tool", "", tool_call_id="a", tool_name="f", is_error=True)
    assert found[3] == Message("user", "Go on.")


def test_a_result_may_be_a_picture() -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "aGk="}
    result = {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": [{"type": "image", "source": picture}],
    }
    assert messages(assistant(tool_use("a", "f")), user(result))[1].content == (
        ImagePart("aGk=", "image/png"),
    )


def test_thinking_comes_back_with_any_signature_or_none() -> None:
    found = messages(
        assistant({"type": "thinking", "thinking": "Hm.", "signature": "of somebody else"}),
        assistant(
            {"type": "thinking", "thinking": "Hm."}, {"type": "redacted_thinking", "data": "x"}
        ),
    )
    assert found == (Message("assistant", "", thinking="Hm."),) * 2


def test_an_answer_without_blocks_may_be_sent_back() -> None:
    assert messages(assistant(), user(text("Well?")))[0] == Message("assistant", "")


def test_tools_are_taken_with_their_schemas() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"name": "w", "description": "Weather", "input_schema": schema, "type": "custom"}
    assert chat(tools=[tool | {"strict": True, "cache_control": {}}]).tools == (
        Tool("w", "Weather", schema, strict=True),
    )


def test_examples_of_input_are_told_to_the_model() -> None:
    (found,) = chat(tools=[WEATHER | {"input_examples": [{"city": "Paris"}]}]).tools
    assert found.description == 'Examples of input:\n{"city":"Paris"}'


@pytest.mark.parametrize(
    ("asked", "choice", "parallel"),
    [
        ({"type": "auto"}, "auto", True),
        ({"type": "any"}, "required", True),
        ({"type": "none"}, "none", True),
        ({"type": "tool", "name": "get_weather"}, "=get_weather", True),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto", False),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
    ],
)
def test_how_to_choose_a_tool(asked: dict[str, Any], choice: str, parallel: bool) -> None:
    found = chat(tools=[WEATHER], tool_choice=asked)
    assert (found.tool_choice, found.parallel_tool_calls) == (choice, parallel)


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, False),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        (
            {
                "thinking": {"type": "enabled", "budget_tokens": 1},
                "output_config": {"effort": "max"},
            },
            "max",
        ),
        ({"output_config": {"effort": "xhigh"}}, "max"),
    ],
)
def test_how_much_to_think(fields: dict[str, Any], think: bool | str | None) -> None:
    assert chat(**fields).think == think


def test_a_budget_for_thinking_is_named_as_ignored() -> None:
    found = chat(thinking={"type": "enabled", "budget_tokens": 1024})
    assert found.extra == {"thinking.budget_tokens": 1024}


def test_thinking_may_be_left_out_of_the_answer() -> None:
    body = {"max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
    hidden = {"thinking": {"type": "adaptive", "display": "omitted"}}
    assert parse_request(body).show_thinking
    assert not parse_request(body | hidden).show_thinking


@pytest.mark.parametrize("place", ["output_config", "output_format"])
def test_structured_output_in_its_new_and_its_old_place(place: str) -> None:
    asked = {"type": "json_schema", "schema": {"type": "object"}}
    assert chat(**{place: {"format": asked} if place == "output_config" else asked}).format == {
        "type": "object"
    }


def test_the_person_behind_the_caller_is_known() -> None:
    body = {"max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
    assert parse_request(body | {"metadata": {"user_id": "u-1"}}).person == "u-1"
    assert parse_request(body | {"metadata": {}}).person == ""


def test_unknown_fields_are_named_and_hints_are_not() -> None:
    found = chat(context_management={"edits": [1]}, service_tier="auto", speed=None, container=None)
    assert found.extra == {"context_management": {"edits": [1]}}
    assert found.hints == {"service_tier": "auto"}


def test_counting_needs_no_length_of_the_answer() -> None:
    assert parse_count({"messages": [{"role": "user", "content": "Hi"}]}).messages == (
        Message("user", "Hi"),
    )


@pytest.mark.parametrize(
    "name",
    TAKEN,
)
def test_requests_that_a_real_server_took_are_taken(name: str) -> None:
    body = load(f"anthropic/{name}").body
    found = parse_request(body).chat
    assert found.model == body["model"]
    assert found.messages


@pytest.mark.parametrize("name", ["image-url", "error-no-max-tokens", "error-no-messages"])
def test_requests_that_a_real_server_refused_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_request(load(f"anthropic/{name}").body)
