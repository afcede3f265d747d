"""What becomes of a request that a client of the Responses API sends."""

from typing import Any

import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import AudioPart, Chat, Fields, ImagePart, Message, TextPart, Tool, ToolUse
from _llamagate.wires.responses.request import AskedResponse, parse_request
from tests.fakes.recorded import load

TAKEN = [
    *("responses", "responses-stream", "responses-instructions", "responses-json-schema"),
    *("responses-length", "responses-reasoning", "responses-tools-result"),
    *("responses-tools-parallel-stream", "scripted-responses-think-text-tools-stream"),
]
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
TIME = {"type": "function", "name": "get_time", "parameters": {}}


class Kept:
    """What is still known of earlier responses."""

    def __init__(self, **conversations: list[Fields]) -> None:
        self._conversations = conversations

    def conversation(self, response_id: str) -> list[Fields] | None:
        return self._conversations.get(response_id)

    def item(self, item_id: str) -> Fields | None:
        items = [item for found in self._conversations.values() for item in found]
        return next((item for item in items if item["id"] == item_id), None)


def asked(_kept: Kept | None = None, **fields: Any) -> AskedResponse:
    return parse_request({"model": "m", "input": "Hi"} | fields, _kept or Kept())


def chat(**fields: Any) -> Chat:
    return asked(**fields).chat


def messages(*items: Fields) -> tuple[Message, ...]:
    return chat(input=list(items)).messages


def call(id: str, name: str = "f", arguments: str = "{}") -> Fields:
    return {"type": "function_call", "call_id": id, "name": name, "arguments": arguments}


def output(id: str, said: Any = "1", **fields: Any) -> Fields:
    return {"type": "function_call_output", "call_id": id, "output": said, **fields}


def reasoning(**fields: Any) -> Fields:
    return {"type": "reasoning", "id": "rs_1", "summary": [], **fields}


def said(text: str) -> Fields:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": content}


def test_a_string_is_what_the_user_says() -> None:
    assert chat().messages == (Message("user", "Hi"),)


def test_instructions_are_the_system_prompt() -> None:
    assert chat(instructions="Be brief.").messages[0] == Message("system", "Be brief.")


def test_messages_come_in_a_short_and_in_a_full_form() -> None:
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]
    found = messages(
        {"role": "developer", "content": "Be kind."},
        {"type": "message", "role": "user", "content": parts, "status": "completed"},
        said("Hello"),
    )
    assert found == (
        Message("developer", "Be kind."),
        Message("user", "ab"),
        Message("assistant", "Hello"),
    )


def test_pictures_and_sound_come_as_data() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"}
    sound = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
    text = {"type": "input_text", "text": "What?"}
    (found,) = messages({"role": "user", "content": [text, picture, sound]})
    expected = (TextPart("What?"), ImagePart("aGk=", "image/png"), AudioPart("aGk=", "wav"))
    assert found.content == expected


def test_a_turn_of_the_assistant_is_one_message() -> None:
    thought = reasoning(summary=[{"type": "summary_text", "text": "Hm."}])
    found = messages(thought, said("Look:"), call("a"), call("b", "g"), output("a"), output("b"))
    calls = (ToolUse("f", "{}", "a"), ToolUse("g", "{}", "b"))
    assert found == (
        Message("assistant", "Look:", thinking="Hm.", tool_calls=calls),
        Message("tool", "1", tool_call_id="a", tool_name="f"),
        Message("tool", "1", tool_call_id="b", tool_name="g"),
    )


def test_two_turns_in_a_row_are_two_messages() -> None:
    found = messages(said("One."), said("Two."), call("a"), reasoning(), call("b"))
    assert [message.text for message in found] == ["One.", "Two."]
    assert [use.id for use in found[1].tool_calls] == ["a", "b"]


def test_thinking_is_read_from_wherever_it_stands() -> None:
    text = [{"type": "reasoning_text", "text": "Hm."}]
    for item in (
        reasoning(content=text),
        reasoning(summary=[{"type": "summary_text", "text": "Hm."}]),
        reasoning(encrypted_content="SG0u"),
    ):
        assert messages(item)[0].thinking == "Hm."


@pytest.mark.parametrize("sealed", ["gAAAAABo_of_openai==", "gICA", None])
def test_thinking_that_nobody_here_can_read_is_left_out(sealed: str | None) -> None:
    assert messages(reasoning(encrypted_content=sealed), said("Hi")) == (
        Message("assistant", "Hi"),
    )


def test_an_output_may_have_parts_and_name_its_function() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,aGk="}
    (found,) = messages(output("gone", [picture], name="f"))
    assert (found.tool_name, found.content) == ("f", (ImagePart("aGk=", "image/png"),))


def test_a_conversation_goes_on_where_a_response_ended() -> None:
    kept = Kept(
        resp_1=[{"role": "user", "content": "One"} | {"type": "message", "id": "m"}, said("1")]
    )
    found = asked(kept, previous_response_id="resp_1", input="Two", instructions="Count.")
    assert [message.text for message in found.chat.messages] == ["Count.", "One", "1", "Two"]
    assert [item["id"] for item in found.items[:2]] == ["m", "msg_1"]
    assert found.settings["previous_response_id"] == "resp_1"


def test_a_fault_in_a_continued_conversation_is_counted_from_the_new_input() -> None:
    kept = Kept(resp_1=[said("1")])
    with pytest.raises(InvalidRequest) as refused:
        asked(kept, previous_response_id="resp_1", input=[output("gone")])
    assert refused.value.param == "input[0].call_id"


@pytest.mark.parametrize("reference", [{"id": "msg_1"}, {"type": "item_reference", "id": "msg_1"}])
def test_an_item_may_be_referred_to(reference: Fields) -> None:
    found = asked(Kept(resp_1=[said("1")]), input=[reference, {"role": "user", "content": "?"}])
    assert found.chat.messages[0] == Message("assistant", "1")


def test_items_are_kept_with_ids_and_in_full() -> None:
    found = asked(input=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}])
    first, second = found.items
    assert str(first["id"]).startswith("msg_")
    assert first["content"] == [{"type": "input_text", "text": "Hi"}]
    assert second["content"] == [{"type": "output_text", "text": "Ho", "annotations": []}]


def test_functions_are_taken_with_their_schemas() -> None:
    (found,) = chat(tools=[WEATHER | {"description": "Weather", "strict": True}]).tools
    assert found == Tool("get_weather", "Weather", {"type": "object"}, strict=True)


def test_functions_of_a_namespace_have_its_name_before_theirs() -> None:
    group = {"type": "namespace", "name": "crm", "description": "Customers", "tools": [TIME]}
    found = asked(
        tools=[WEATHER, group], input=[call("a", "get_time") | {"namespace": "crm"}, output("a")]
    )
    assert [tool.name for tool in found.chat.tools] == ["get_weather", "crm__get_time"]
    assert found.namespaced == {"crm__get_time": {"name": "get_time", "namespace": "crm"}}
    assert found.chat.messages[1].tool_name == "crm__get_time"


@pytest.mark.parametrize(
    ("choice", "expected", "names"),
    [
        (None, "auto", ["get_weather", "get_time"]),
        ("none", "none", ["get_weather", "get_time"]),
        ("required", "required", ["get_weather", "get_time"]),
        ({"type": "function", "name": "get_time"}, "=get_time", ["get_weather", "get_time"]),
        ({"type": "allowed_tools", "mode": "required", "tools": [TIME]}, "required", ["get_time"]),
        ({"type": "allowed_tools", "mode": "auto", "tools": [WEATHER]}, "auto", ["get_weather"]),
    ],
)
def test_how_to_choose_a_function(choice: Any, expected: str, names: list[str]) -> None:
    found = chat(tools=[WEATHER, TIME], tool_choice=choice, parallel_tool_calls=False)
    assert (found.tool_choice, [tool.name for tool in found.tools]) == (expected, names)
    assert not found.parallel_tool_calls


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "name": "a", "schema": {"type": "object"}}, {"type": "object"}),
    ],
)
def test_the_form_of_the_text(form: Fields, expected: Any) -> None:
    assert chat(text={"format": form}).format == expected


@pytest.mark.parametrize(
    ("effort", "think"), [("none", False), ("minimal", "low"), ("high", "high"), ("xhigh", "max")]
)
def test_how_much_to_reason(effort: str, think: bool | str) -> None:
    assert chat(reasoning={"effort": effort, "summary": "auto"}).think == think


def test_sampling_reaches_the_engine() -> None:
    found = chat(temperature=0, top_p=0.5, max_output_tokens=7, stream=True, num_ctx=4096)
    assert (found.temperature, found.top_p, found.max_tokens, found.num_ctx) == (0, 0.5, 7, 4096)
    assert found.stream


def test_log_probabilities_are_asked_for_by_include() -> None:
    found = chat(include=["message.output_text.logprobs"], top_logprobs=3)
    assert (found.logprobs, found.top_logprobs) == (True, 3)
    assert not chat().logprobs


def test_the_person_behind_the_caller_is_known() -> None:
    assert asked(user="u").person == "u"
    assert asked(safety_identifier="s").person == "s"


def test_unknown_fields_are_named_and_hints_are_not() -> None:
    found = chat(moderation={"model": "m"}, service_tier="flex", truncation="auto", metadata={})
    assert found.extra == {"moderation": {"model": "m"}}
    assert found.hints == {"service_tier": "flex"}


def test_whether_to_keep_the_response() -> None:
    assert asked().store
    assert not asked(store=False).store


def test_the_settings_are_as_the_client_gave_them() -> None:
    found = asked(tools=[WEATHER], metadata={"a": "b"}, text={"verbosity": "low"}, temperature=0.5)
    assert found.settings["tools"] == [WEATHER]
    assert found.settings["metadata"] == {"a": "b"}
    assert found.settings["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert found.settings["temperature"] == 0.5


def test_default_values_are_never_refused() -> None:
    nothing = ("background", "conversation", "prompt", "tools", "tool_choice", "text", "include")
    more = ("reasoning", "metadata", "instructions", "previous_response_id", "max_output_tokens")
    assert chat(**dict.fromkeys((*nothing, *more))).messages == (Message("user", "Hi"),)
    assert chat(background=False, max_tool_calls=5, stream_options={}).extra == {}


@pytest.mark.parametrize("name", TAKEN)
def test_requests_that_a_real_server_took_are_taken(name: str) -> None:
    body = load(f"openai/{name}").body
    assert asked(**body).chat.messages


def test_an_item_that_a_real_server_refused_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        asked(**load("openai/responses-bad-item").body)
