"""What an OpenAI client asks of a chat: every parameter, messages, tools, formats."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import AudioPart, ImagePart, Message, TextPart, Tool, ToolUse
from _llamagate.wires.openai.chat import AskedChat, parse_chat
from _llamagate.wires.openai.parameters import CHAT, REFUSED, render_table

CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
CLOCK = {"type": "function", "function": {"name": "get_time"}}
PIXEL = "iVBORw0KGgo="


def body(**more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hello"}], **more}


def asked(**more: Any) -> AskedChat:
    return parse_chat(body(**more))


def message(**fields: Any) -> Message:
    """The last message, as it was understood."""
    return parse_chat({"messages": [fields]}).chat.messages[-1]


def refusal(**more: Any) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        asked(**more)
    return caught.value


# ---------------------------------------------------------------- parameters

MAPPED: dict[str, tuple[object, str, object]] = {
    # parameter: what is sent, the neutral field, what it becomes
    "model": ("llama3.2", "model", "llama3.2"),
    "frequency_penalty": (0.5, "frequency_penalty", 0.5),
    "presence_penalty": (-2, "presence_penalty", -2.0),
    "logprobs": (True, "logprobs", True),
    "max_completion_tokens": (7, "max_tokens", 7),
    "max_tokens": (5, "max_tokens", 5),
    "modalities": (["text"], "messages", (Message("user", "Hello"),)),
    "parallel_tool_calls": (False, "parallel_tool_calls", False),
    "reasoning_effort": ("high", "think", "high"),
    "response_format": ({"type": "json_object"}, "format", "json"),
    "seed": (-3, "seed", -3),
    "stop": (["a", "b"], "stop", ("a", "b")),
    "stream": (True, "stream", True),
    "temperature": (0, "temperature", 0.0),
    "top_p": (0.25, "top_p", 0.25),
    "tools": ([CLOCK], "tools", (Tool("get_time"),)),
    "functions": ([{"name": "get_time"}], "tools", (Tool("get_time"),)),
    "top_k": (40, "top_k", 40),
    "min_p": (0.05, "min_p", 0.05),
    "repeat_penalty": (1.1, "repeat_penalty", 1.1),
    "repetition_penalty": (1.2, "repeat_penalty", 1.2),
    "num_ctx": (8192, "num_ctx", 8192),
    "keep_alive": ("10m", "keep_alive", "10m"),
    "think": (False, "think", False),
    "reasoning": ({"effort": "low"}, "think", "low"),
    "options": ({"mirostat": 1}, "options", {"mirostat": 1}),
}
ELSEWHERE = {  # parameters that have tests of their own below
    *("messages", "n", "stream_options", "tool_choice", "function_call", "top_logprobs", "user"),
}


@pytest.mark.parametrize("name", MAPPED)
def test_a_mapped_parameter_arrives(name: str) -> None:
    sent, field, arrived = MAPPED[name]
    assert getattr(asked(**{name: sent}).chat, field) == arrived


def test_every_row_of_the_table_is_held_to_what_it_says() -> None:
    by_treatment = {row.name for row in CHAT if row.treatment in ("mapped", "emulated")}
    assert by_treatment == MAPPED.keys() | ELSEWHERE


@pytest.mark.parametrize("row", CHAT, ids=lambda row: row.name)
def test_a_parameter_does_what_its_row_says(row: Any) -> None:
    if row.treatment == "refused":
        error = refusal(**{row.name: {"search_context_size": "low"}})
        assert (error.param, row.what in error.message) == (row.name, True)
    elif row.treatment == "named":
        sent = {"5": 10} if row.name == "logit_bias" else "low"
        assert asked(**{row.name: sent}).chat.extra == {row.name: sent}
    elif row.treatment == "accepted":
        chat = asked(**{row.name: {"a": "b"}}).chat
        assert (chat.hints, chat.extra) == ({row.name: {"a": "b"}}, {})


def test_the_table_is_shown_row_by_row() -> None:
    lines = render_table().splitlines()
    assert len(lines) == len(CHAT) + 2
    assert lines[2].startswith("| `messages` | mapped |")


@pytest.mark.parametrize("nothing", [None, "", [], {}], ids=repr)
@pytest.mark.parametrize("name", sorted({row.name for row in CHAT} - {"messages"}))
def test_a_parameter_that_says_nothing_is_never_refused(name: str, nothing: object) -> None:
    if name == "model" and nothing not in (None, ""):
        assert refusal(model=nothing).param == "model"
        return
    assert asked(**{name: nothing}).chat == asked().chat


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("frequency_penalty", 0),
        ("presence_penalty", 0),
        ("temperature", 1),
        ("top_p", 1),
        ("n", 1),
        ("stream", False),
        ("logprobs", False),
        ("top_logprobs", 0),
        ("store", False),
        ("parallel_tool_calls", True),
        ("tool_choice", "auto"),
        ("tool_choice", "none"),
        ("function_call", "none"),
        ("service_tier", "auto"),
        ("verbosity", "medium"),
        ("reasoning_effort", "medium"),
        ("response_format", {"type": "text"}),
        ("modalities", ["text"]),
        ("stream_options", {"include_usage": False}),
    ],
)
def test_a_default_value_is_never_refused(name: str, default: object) -> None:
    assert asked(**{name: default}).n == 1


def test_sampling_that_a_client_leaves_out_is_left_to_the_model() -> None:
    chat = asked().chat
    assert (chat.temperature, chat.top_p, chat.max_tokens, chat.seed) == (None,) * 4
    assert (chat.think, chat.num_ctx, chat.stop, chat.options) == (None, None, (), {})


def test_max_completion_tokens_wins_over_max_tokens() -> None:
    assert asked(max_tokens=5, max_completion_tokens=7).chat.max_tokens == 7


def test_think_wins_over_reasoning_effort_and_that_over_reasoning() -> None:
    both = {"reasoning_effort": "low", "reasoning": {"effort": "high"}}
    assert asked(**both).chat.think == "low"
    assert asked(think=True, **both).chat.think is True


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        ("none", False),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "max"),
        ("max", "max"),
    ],
)
def test_reasoning_effort_becomes_think(effort: str, think: bool | str) -> None:
    assert asked(reasoning_effort=effort).chat.think == think


def test_stop_is_a_string_or_a_list_and_empty_strings_stop_nothing() -> None:
    assert asked(stop="END").chat.stop == ("END",)
    assert asked(stop=["", "END"]).chat.stop == ("END",)
    assert refusal(stop=["x"] * 65).param == "stop"


def test_a_field_that_nobody_knows_is_kept_for_engines_of_the_same_wire() -> None:
    assert asked(chat_template_kwargs={"x": 1}).chat.extra == {"chat_template_kwargs": {"x": 1}}


@pytest.mark.parametrize("name", ["MODEL", "Temperature", "mesſages"])
def test_a_key_that_is_a_known_one_in_another_case_is_refused(name: str) -> None:
    assert refusal(**{name: "x"}).param == name


def test_the_person_behind_the_caller_is_the_user_field() -> None:
    assert asked(user="ada").person == "ada"


def test_usage_in_the_stream_is_sent_when_asked_for() -> None:
    assert asked(stream=True, stream_options={"include_usage": True}).include_usage
    assert not asked(stream=True, stream_options={"include_obfuscation": True}).include_usage
    assert refusal(stream_options={"include_usage": True}).param == "stream_options"


@pytest.mark.parametrize("n", [0, 17, -1])
def test_n_is_at_most_sixteen(n: int) -> None:
    assert refusal(n=n).param == "n"
    assert asked(n=16).n == 16


def test_top_logprobs_needs_logprobs_and_is_at_most_twenty() -> None:
    assert asked(logprobs=True, top_logprobs=20).chat.top_logprobs == 20
    assert refusal(top_logprobs=2).param == "top_logprobs"
    assert refusal(logprobs=True, top_logprobs=21).param == "top_logprobs"


def test_sound_is_not_an_answer_that_can_be_asked_for() -> None:
    assert refusal(modalities=["text", "audio"]).param == "modalities"
    assert "audio" in REFUSED


# ---------------------------------------------------------------- messages


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_a_role_is_kept(role: str) -> None:
    assert message(role=role, content="x") == Message(role, "x")


def test_content_in_parts_of_text_is_joined() -> None:
    parts = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "there"}]
    assert message(role="user", content=parts).content == "Hello there"


def test_pictures_and_sound_keep_their_places_between_the_texts() -> None:
    parts = [
        {"type": "text", "text": "What is "},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": f"data:;base64,{PIXEL}"},
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
        {"type": "refusal", "refusal": "No."},
    ]
    assert message(role="user", content=parts).content == (
        TextPart("What is "),
        ImagePart(PIXEL, "image/png"),
        ImagePart(PIXEL),
        AudioPart("UklGRg==", "wav"),
        TextPart("No."),
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/cat.png",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "data:image/png,plain",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64,a",
        "data:image/png;base64,a=bc",
        "data:image/png;base64,====",
        "data:image/png;base64,_-==",
        "data:image/png;base64,aGé=",
    ],
)
def test_a_picture_that_is_no_data_url_of_base64_is_refused_by_its_place(url: str) -> None:
    part = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(InvalidRequest) as caught:
        message(role="user", content=[{"type": "text", "text": "x"}, part])
    assert caught.value.param == "messages[0].content[1].image_url.url"


def test_a_file_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidRequest) as caught:
        message(role="user", content=[{"type": "file", "file": {"file_id": "f"}}])
    assert caught.value.param == "messages[0].content[0].type"


def test_only_an_assistant_may_say_nothing() -> None:
    assert message(role="assistant", content=None).content == ""
    for role in ("system", "user", "tool"):
        with pytest.raises(InvalidRequest) as caught:
            message(role=role, content=None)
        assert caught.value.param == "messages[0].content"


def test_reasoning_sent_back_is_thinking() -> None:
    assert message(role="assistant", content="x", reasoning_content="hm").thinking == "hm"
    assert message(role="assistant", content="x", reasoning="hm").thinking == "hm"


def test_a_speakers_name_is_kept_for_engines_that_know_it() -> None:
    assert message(role="user", content="x", name="ada").extra == {"name": "ada"}


def test_a_tools_result_is_given_the_name_of_the_function_that_was_called() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = parse_chat(
        {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "call_1", "content": "18"},
            ]
        }
    ).chat.messages
    assert messages[0].tool_calls == (ToolUse("f", "{}", "call_1"),)
    assert messages[1] == Message("tool", "18", tool_call_id="call_1", tool_name="f")


def test_the_older_form_of_a_call_and_its_result_is_understood() -> None:
    messages = parse_chat(
        {
            "messages": [
                {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a":1}'}},
                {"role": "function", "name": "f", "content": "18"},
            ]
        }
    ).chat.messages
    assert messages[0].tool_calls == (ToolUse("f", '{"a":1}'),)
    assert messages[1] == Message("tool", "18", tool_name="f")


@pytest.mark.parametrize("arguments", ["{", "[]", "5", '"x"'])
def test_earlier_arguments_must_be_the_text_of_an_object(arguments: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        message(
            role="assistant",
            tool_calls=[{"id": "1", "function": {"name": "f", "arguments": arguments}}],
        )
    assert caught.value.param == "messages[0].tool_calls[0].function.arguments"


def test_a_tools_result_says_which_call_it_answers() -> None:
    with pytest.raises(InvalidRequest) as caught:
        message(role="tool", content="18")
    assert caught.value.param == "messages[0].tool_call_id"


# ---------------------------------------------------------------- tools


def test_a_tool_keeps_all_that_is_said_of_it() -> None:
    function = {"name": "f", "description": "Does f.", "parameters": CITY, "strict": True}
    (tool,) = asked(tools=[{"type": "function", "function": function}]).chat.tools
    assert tool == Tool("f", "Does f.", CITY, strict=True)


@pytest.mark.parametrize(
    ("choice", "meaning"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ({"type": "function", "function": {"name": "get_time"}}, "=get_time"),
        ({"type": "function", "name": "get_time"}, "=get_time"),
    ],
)
def test_tool_choice_is_understood(choice: object, meaning: str) -> None:
    assert asked(tools=[WEATHER, CLOCK], tool_choice=choice).chat.tool_choice == meaning


def test_allowed_tools_are_the_only_ones_left() -> None:
    allowed = {
        "mode": "required",
        "tools": [{"type": "function", "function": {"name": "get_time"}}],
    }
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    chat = asked(tools=[WEATHER, CLOCK], tool_choice=choice).chat
    assert [tool.name for tool in chat.tools] == ["get_time"]
    assert chat.tool_choice == "required"


@pytest.mark.parametrize(
    "choice",
    [
        "sometimes",
        {"type": "custom"},
        {"type": "function", "function": {"name": "get_rain"}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": ["x"]}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "never", "tools": [CLOCK]}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
    ],
)
def test_a_tool_choice_that_cannot_be_made_is_refused(choice: object) -> None:
    assert refusal(tools=[WEATHER, CLOCK], tool_choice=choice).param == "tool_choice"


def test_a_call_cannot_be_required_without_tools() -> None:
    assert refusal(tool_choice="required").param == "tool_choice"
    assert refusal(function_call={"name": "f"}).param == "function_call"


def test_the_older_form_of_tools_gets_its_answer_in_the_older_form() -> None:
    functions = [{"name": "get_time"}]
    old = asked(functions=functions, function_call={"name": "get_time"})
    assert (old.legacy, old.chat.tool_choice) == (True, "=get_time")
    assert not old.chat.parallel_tool_calls  # there is room for one call in such an answer
    assert not asked(tools=[CLOCK], functions=functions).legacy


# ---------------------------------------------------------------- formats


def test_the_format_of_an_answer_is_understood() -> None:
    schema = {"name": "city", "strict": True, "schema": CITY}
    assert asked(response_format={"type": "text"}).chat.format is None
    assert asked(response_format={"type": "json_object"}).chat.format == "json"
    wanted = {"type": "json_schema", "json_schema": schema}
    assert asked(response_format=wanted).chat.format == CITY
    anything = {"type": "json_schema", "json_schema": {"name": "x"}}
    assert asked(response_format=anything).chat.format == {"type": "object"}


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"type": "xml"}, "response_format.type"),
        ({"schema": {}}, "response_format.type"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        (
            {"type": "json_schema", "json_schema": {"schema": 5}},
            "response_format.json_schema.schema",
        ),
    ],
)
def test_a_format_that_says_too_little_is_refused(wanted: object, param: str) -> None:
    assert refusal(response_format=wanted).param == param


# ---------------------------------------------------------------- anything at all

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_names = st.sampled_from([row.name for row in CHAT])
_messages = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "name", "tool_calls", "tool_call_id", "function_call"]),
        _json | st.sampled_from(["user", "assistant", "tool", "{}"]),
    ),
    max_size=3,
)


@given(st.dictionaries(_names, _json), _messages)
def test_any_body_is_understood_or_refused_and_nothing_else(
    fields: dict[str, Any], messages: list[dict[str, Any]]
) -> None:
    try:
        found = parse_chat({"messages": messages, **fields})
    except InvalidRequest as error:
        assert error.message
    else:
        assert found.chat.messages


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text()), min_size=1))
def test_words_arrive_as_they_were_sent(said: list[tuple[str, str]]) -> None:
    sent = [{"role": role, "content": text} for role, text in said]
    assert [(m.role, m.content) for m in parse_chat({"messages": sent}).chat.messages] == said
