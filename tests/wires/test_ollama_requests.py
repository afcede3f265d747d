"""What we ask Ollama: bodies it understands, with nothing lost and nothing slipped in."""

import json
from typing import Any

import pytest

from _llamagate.errors import EngineRefused, InvalidRequest
from _llamagate.exchange import (
    AudioPart,
    Chat,
    Completion,
    Embed,
    Fields,
    Finish,
    ImagePart,
    Message,
    TextPart,
    Tool,
    ToolCall,
    ToolUse,
)
from _llamagate.wires.ollama.answers import AnswerParser
from _llamagate.wires.ollama.requests import (
    forces_a_call,
    render_chat,
    render_completion,
    render_embed,
    thinks_in_vain,
    unused,
)
from tests.fakes.ollama import FakeModel
from tests.fakes.ollama.checks import check
from tests.fakes.recorded import load

HELLO = (Message("user", "Hello"),)
CITY: Fields = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("get_weather", "Current weather", CITY)
CLOCK = Tool("get_time")
ABLE = FakeModel("m:latest", ("completion", "tools", "thinking", "insert"))


def chat(**more: Any) -> Chat:
    return Chat(**{"model": "m", "messages": HELLO, **more})


def rendered(request: Chat) -> dict[str, Any]:
    """The body, which Ollama would take."""
    body: dict[str, Any] = json.loads(render_chat(request))
    check("/api/chat", body, ABLE)
    return body


def test_a_bare_chat_is_bare() -> None:
    assert rendered(chat()) == {
        "model": "m",
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }


def test_every_named_field_reaches_ollama() -> None:
    request = chat(
        max_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        min_p=0.1,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        repeat_penalty=1.1,
        num_ctx=512,
        stop=("a", "b"),
        think="low",
        format=CITY,
        logprobs=True,
        top_logprobs=2,
        keep_alive="10m",
        options={"num_gpu": 1},
    )
    body = rendered(request)
    assert body["options"] == {
        "num_predict": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "min_p": 0.1,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "repeat_penalty": 1.1,
        "num_ctx": 512,
        "stop": ["a", "b"],
        "num_gpu": 1,
    }
    assert (body["think"], body["format"], body["keep_alive"]) == ("low", CITY, "10m")
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)


# ---------------------------------------------------------------- the traps of Ollama's wire


def test_trap_a_failure_in_the_stream_is_a_line_of_its_own() -> None:
    parser = AnswerParser()
    parser.feed(load("midstream/chat-rendered-death").answer)
    assert parser.failure


@pytest.mark.parametrize(
    "name",
    ["chat-silent", "chat-silent-first", "chat-silent-plain", "chat-silent-first-plain"]
    + ["chat-rendered-repeat", "generate-silent", "generate-error-plain"],
)
def test_trap_a_clean_end_is_no_success(name: str) -> None:
    parser = AnswerParser()
    parser.feed(load(f"midstream/{name}").answer)
    parser.end()
    assert parser.failure


def test_trap_keys_are_written_once_in_lower_case() -> None:
    def keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        assert len(names) == len({name.casefold() for name in names})
        return dict(pairs)

    body = render_chat(chat(temperature=0.1, options={"temperature": 0.9}, tools=(WEATHER,)))
    found = json.loads(body, object_pairs_hook=keys)
    assert found["options"] == {"temperature": 0.1}
    assert all(name == name.casefold() for name in found)


def test_trap_fields_of_another_wire_are_not_sent_and_named() -> None:
    request = chat(extra={"MODEL": "other", "logit_bias": {}}, wire="openai")
    assert "MODEL" not in rendered(request)
    assert unused(request) == ("MODEL", "logit_bias")


def test_trap_fields_of_its_own_wire_cannot_replace_ours() -> None:
    extra = {"truncate": False, "model": "other", "stream": False, "messages": []}
    body = rendered(chat(extra=extra, wire="ollama"))
    assert body["truncate"] is False
    assert (body["model"], body["stream"]) == ("m", True)
    assert body["messages"] == [{"role": "user", "content": "Hello"}]


def test_trap_num_ctx_is_sent_only_when_somebody_said_it() -> None:
    assert "options" not in rendered(chat())
    assert rendered(chat(num_ctx=2048))["options"] == {"num_ctx": 2048}


def test_trap_sampling_is_left_to_the_model_when_nobody_said_it() -> None:
    assert rendered(chat(seed=1))["options"] == {"seed": 1}


@pytest.mark.parametrize("think", [True, False, "high"])
def test_trap_thinking_is_said_when_the_client_said_it(think: bool | str) -> None:
    assert "think" not in rendered(chat())
    assert rendered(chat(think=think))["think"] == think


def test_trap_an_error_text_may_be_a_json_document() -> None:
    parser = AnswerParser()
    nested = json.dumps({"error": {"code": 500, "message": "KV cache is full"}})
    parser.feed(json.dumps({"error": nested}).encode() + b"\n")
    assert parser.failure
    assert parser.failure.message == "KV cache is full"


def test_trap_a_tool_schema_is_said_in_the_words_that_survive() -> None:
    parameters: Fields = {
        "type": ["object", "null"],
        "$defs": {"Place": {"type": "object", "properties": {"city": {"type": "string"}}}},
        "properties": {
            "place": {"$ref": "#/$defs/Place"},
            "when": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            "unit": {"const": "celsius"},
            "both": {"allOf": [{"type": "object"}, {"properties": {"a": {"type": "string"}}}]},
            "anything": True,
        },
    }
    body = rendered(chat(tools=(Tool("f", "", parameters),)))
    (tool,) = body["tools"]
    found = tool["function"]["parameters"]
    assert found["type"] == "object"
    assert found["properties"] == {
        "place": {"type": "object", "properties": {"city": {"type": "string"}}},
        "when": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "unit": {"enum": ["celsius"]},
        "both": {"type": "object", "properties": {"a": {"type": "string"}}},
        "anything": {},
    }


def test_trap_a_call_without_an_id_stays_without_one() -> None:
    parser = AnswerParser()
    call, _ = parser.feed(load("chat/scripted-tools-empty-id").answer + b"\n")
    assert isinstance(call, ToolCall)
    assert call.id == ""  # the renderer of the client's wire mints one


@pytest.mark.parametrize("name", ["tools-stream", "tools-rendered-stream"])
def test_trap_calls_come_on_any_line_and_end_as_tool_calls(name: str) -> None:
    call, finish = AnswerParser().feed(load(f"chat/{name}").answer)
    assert isinstance(call, ToolCall)
    assert call.name == "get_weather"
    assert isinstance(finish, Finish)
    assert finish.reason == "tool_calls"


def test_trap_stop_is_always_a_list() -> None:
    assert rendered(chat(stop=("x",)))["options"]["stop"] == ["x"]


def test_trap_content_is_always_text() -> None:
    parts = (TextPart("What "), ImagePart("aGk="), TextPart("is it?"), AudioPart("d2F2"))
    (message,) = rendered(chat(messages=(Message("user", parts),)))["messages"]
    assert message == {"role": "user", "content": "What is it?", "images": ["aGk=", "d2F2"]}


def test_trap_arguments_of_earlier_calls_are_objects() -> None:
    use = ToolUse("f", '{"b": 1, "a": [2]}', "call_1")
    messages = (*HELLO, Message("assistant", tool_calls=(use, ToolUse("g", ""))))
    *_, message = rendered(chat(messages=messages))["messages"]
    assert message["tool_calls"] == [
        {"id": "call_1", "function": {"name": "f", "arguments": {"b": 1, "a": [2]}}},
        {"function": {"name": "g", "arguments": {}}},
    ]


@pytest.mark.parametrize("arguments", ["{", "[]", "5", '"x"'])
def test_arguments_that_are_no_object_are_the_clients_fault(arguments: str) -> None:
    messages = (Message("assistant", tool_calls=(ToolUse("f", arguments),)),)
    with pytest.raises(InvalidRequest):
        render_chat(chat(messages=messages))


def test_trap_a_result_says_both_id_and_name() -> None:
    result = Message("tool", "18", tool_call_id="call_1", tool_name="get_weather")
    (message,) = rendered(chat(messages=(result,)))["messages"]
    assert message == {
        "role": "tool",
        "content": "18",
        "tool_call_id": "call_1",
        "tool_name": "get_weather",
    }


def test_trap_a_developer_speaks_as_the_system() -> None:
    messages = (Message("developer", "Be brief."), *HELLO)
    assert rendered(chat(messages=messages))["messages"][0]["role"] == "system"


# ---------------------------------------------------------------- tools


def test_tools_are_offered() -> None:
    (tool,) = rendered(chat(tools=(WEATHER,)))["tools"]
    function = {"name": "get_weather", "description": "Current weather", "parameters": CITY}
    assert tool == {"type": "function", "function": function}


def test_tool_choice_none_hides_the_tools() -> None:
    assert "tools" not in rendered(chat(tools=(WEATHER,), tool_choice="none"))


def test_a_required_call_is_forced_by_the_shape_of_the_answer() -> None:
    request = chat(tools=(WEATHER, CLOCK), tool_choice="required", think=True)
    body = rendered(request)
    assert forces_a_call(request)
    assert "tools" not in body
    assert [s["properties"]["name"]["enum"] for s in body["format"]["anyOf"]] == [
        ["get_weather"],
        ["get_time"],
    ]
    assert body["think"] is False
    assert "get_weather" in body["messages"][-1]["content"]


def test_a_named_call_is_forced_alone() -> None:
    body = rendered(chat(tools=(WEATHER, CLOCK), tool_choice="=get_weather"))
    assert body["format"]["properties"]["arguments"] == CITY
    assert "get_time" not in body["messages"][-1]["content"]


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_nothing_is_forced_where_a_call_is_free(choice: str) -> None:
    assert not forces_a_call(chat(tools=(WEATHER,), tool_choice=choice))


def test_only_a_wish_for_thinking_may_go_unheard() -> None:
    refused = EngineRefused('"m" does not support thinking')
    assert thinks_in_vain(chat(think=True, wire="anthropic"), refused)
    assert not thinks_in_vain(chat(think=True, wire="ollama"), refused)
    assert not thinks_in_vain(chat(think=True, wire="anthropic"), EngineRefused("no tools"))


# ---------------------------------------------------------------- completions, embeddings


def test_a_completion_has_a_prompt_and_what_belongs_to_it() -> None:
    request = Completion(
        model="m",
        prompt="def f(",
        suffix="return",
        system="Be brief.",
        images=(ImagePart("aGk="),),
        raw=True,
        max_tokens=3,
    )
    assert json.loads(render_completion(request)) == {
        "model": "m",
        "stream": True,
        "prompt": "def f(",
        "suffix": "return",
        "system": "Be brief.",
        "images": ["aGk="],
        "raw": True,
        "options": {"num_predict": 3},
    }


def test_an_empty_system_prompt_is_not_the_same_as_none() -> None:
    assert (
        json.loads(render_completion(Completion(model="m", prompt="x", system="")))["system"] == ""
    )
    assert "system" not in json.loads(render_completion(Completion(model="m", prompt="x")))


def test_embeddings_are_asked_for_all_inputs_at_once() -> None:
    request = Embed(
        model="e",
        inputs=("a", "b"),
        dimensions=8,
        truncate=False,
        keep_alive=0,
        options={"num_ctx": 512},
    )
    assert json.loads(render_embed(request)) == {
        "model": "e",
        "input": ["a", "b"],
        "dimensions": 8,
        "truncate": False,
        "keep_alive": 0,
        "options": {"num_ctx": 512},
    }
