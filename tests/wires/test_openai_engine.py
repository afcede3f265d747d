"""What we ask an OpenAI-compatible engine, and how its errors, vectors and lists are read."""

from typing import Any

import orjson
import pytest

from _llamagate.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineGarbled,
    EngineLacksModel,
    EngineRefused,
)
from _llamagate.exchange import (
    AudioPart,
    Chat,
    Completion,
    Embed,
    Fields,
    ImagePart,
    Message,
    TextPart,
    Tool,
    ToolUse,
    Usage,
)
from _llamagate.wires.openai.engine import (
    as_chat,
    render_chat,
    render_completion,
    render_embed,
    unsent,
)
from _llamagate.wires.openai.engine_errors import parse_error, parse_stream_error
from _llamagate.wires.openai.engine_lists import parse_embed, parse_models

HELLO = (Message("user", "Hello"),)
WEATHER = Tool("get_weather", "The weather", {"type": "object"})


def chat(**fields: Any) -> Fields:
    return render_chat(Chat(model="toy", messages=fields.pop("messages", HELLO), **fields))


def test_a_chat_says_no_more_than_it_was_told() -> None:
    assert chat() == {
        "model": "toy",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_every_named_field_reaches_the_engine() -> None:
    body = chat(
        max_tokens=9,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        min_p=0.1,
        seed=3,
        presence_penalty=0.2,
        frequency_penalty=0.3,
        repeat_penalty=1.1,
        stop=("a", "b"),
        logprobs=True,
        top_logprobs=2,
    )
    for name in ("model", "messages", "stream", "stream_options"):
        del body[name]
    assert body == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "seed": 3,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
        "repeat_penalty": 1.1,
        "repetition_penalty": 1.1,
        "stop": ["a", "b"],
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_openai_itself_gets_only_what_it_knows() -> None:
    request = Chat(
        model="gpt",
        messages=(Message("assistant", "Hi", thinking="Hm."), *HELLO),
        max_tokens=9,
        top_k=40,
        min_p=0.1,
        repeat_penalty=1.1,
        think=False,
    )
    body = render_chat(request, official=True)
    assert body["max_completion_tokens"] == 9
    assert body["reasoning_effort"] == "none"
    assert body["messages"] == [
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Hello"},
    ]
    assert not {"max_tokens", "top_k", "min_p", "repeat_penalty", "chat_template_kwargs"} & set(
        body
    )
    assert unsent(request, official=True) == ("top_k", "min_p", "repeat_penalty")


def test_fields_of_openai_s_clients_are_passed_on_as_they_are() -> None:
    body = chat(extra={"logit_bias": {"5": 1}, "guided_regex": "a+"}, hints={"store": False})
    assert body["logit_bias"] == {"5": 1}
    assert body["guided_regex"] == "a+"
    assert body["store"] is False


def test_a_client_s_field_never_replaces_one_of_ours() -> None:
    body = chat(extra={"model": "other", "stream": False, "messages": []})
    assert body == chat()


def test_fields_of_other_wires_are_named_and_not_sent() -> None:
    request = Chat(
        model="toy",
        messages=(Message("user", "Hello", extra={"own": 1}),),
        num_ctx=4096,
        keep_alive="5m",
        options={"mirostat": 1},
        wire="ollama",
        extra={"truncate": True},
        hints={"hint": 1},
    )
    assert render_chat(request) == chat()
    assert unsent(request) == ("num_ctx", "keep_alive", "options", "truncate")
    assert unsent(Embed(model="e", inputs=("a",), truncate=True)) == ("truncate",)
    told: Fields = {"system": "Be brief.", "images": (ImagePart("aGk="),), "wire": "ollama"}
    assert unsent(Completion(model="toy", prompt="x", **told)) == ()
    for bare in ({"raw": True}, {"suffix": "y"}):
        assert unsent(Completion(model="toy", prompt="x", **told, **bare)) == ("system", "images")
    assert unsent(Chat(model="toy", messages=HELLO, extra={"a": 1})) == ()


def test_a_result_that_is_an_error_says_so() -> None:
    use = Message("assistant", tool_calls=(ToolUse("a", "{}", "1"), ToolUse("a", "{}", "2")))
    picture = (TextPart("broken"), ImagePart("aGk="))
    results = [
        Message("tool", content, tool_call_id=id, is_error=True)
        for id, content in (("1", "no such file"), ("2", picture))
    ]
    _, one, other = chat(messages=(use, *results))["messages"]
    assert one["content"] == "Error: no such file"
    assert [part.get("text") for part in other["content"]] == ["Error: ", "broken", None]


@pytest.mark.parametrize(
    ("think", "fields"),
    [
        (None, {}),
        (True, {"chat_template_kwargs": {"enable_thinking": True}}),
        (
            False,
            {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": False}},
        ),
        ("low", {"reasoning_effort": "low"}),
        ("max", {"reasoning_effort": "max"}),
    ],
)
def test_thinking_is_asked_for_in_words_that_servers_know(
    think: bool | str | None, fields: Fields
) -> None:
    assert chat(think=think) == chat() | fields


def test_what_a_client_said_about_thinking_stands() -> None:
    body = chat(
        think=False,
        extra={"reasoning_effort": "minimal", "chat_template_kwargs": {"enable_thinking": True}},
    )
    assert body["reasoning_effort"] == "minimal"
    assert body["chat_template_kwargs"] == {"enable_thinking": True}


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("json", {"type": "json_object"}),
        (
            {"type": "object"},
            {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": {"type": "object"}},
            },
        ),
    ],
)
def test_a_format_is_a_response_format(wanted: str | Fields, sent: Fields) -> None:
    assert chat(format=wanted)["response_format"] == sent
    kept = {"type": "json_schema", "json_schema": {"name": "mine", "strict": True}}
    assert chat(format=wanted, hints={"response_format": kept})["response_format"] == kept


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {}),
        ("none", {"tool_choice": "none"}),
        ("required", {"tool_choice": "required"}),
        (
            "=get_weather",
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        ),
    ],
)
def test_tools_and_the_choice_among_them_are_sent(choice: str, sent: Fields) -> None:
    function = {
        "name": "get_weather",
        "description": "The weather",
        "parameters": {"type": "object"},
    }
    tools = [{"type": "function", "function": function}]
    assert chat(tools=(WEATHER,), tool_choice=choice) == chat() | {"tools": tools} | sent


def test_one_call_at_a_time_is_asked_for_where_there_are_tools() -> None:
    assert chat(tools=(WEATHER,), parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in chat(parallel_tool_calls=False)
    strict = chat(tools=(Tool("f", strict=True),))["tools"]
    assert strict == [{"type": "function", "function": {"name": "f", "strict": True}}]


def messages(*given: Message, **fields: Any) -> Any:
    return chat(messages=given, **fields)["messages"]


def test_a_developer_is_the_system_where_templates_know_no_other() -> None:
    assert messages(Message("developer", "Be brief."))[0]["role"] == "system"


def test_pictures_and_sound_keep_their_places() -> None:
    content = (
        TextPart("Look:"),
        ImagePart("iVBORw0KGgo=", "image/png"),
        ImagePart("/9j/4AAQ"),
        ImagePart("R0lGODlh"),
        ImagePart("UklGRg=="),
        ImagePart("iVBORw0K"),
        AudioPart("UklGRg==", "mp3"),
        AudioPart("UklGRg=="),
    )
    parts = messages(Message("user", content))[0]["content"]
    assert parts[0] == {"type": "text", "text": "Look:"}
    assert [part["image_url"]["url"] for part in parts[1:6]] == [
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/jpeg;base64,/9j/4AAQ",
        "data:image/gif;base64,R0lGODlh",
        "data:image/webp;base64,UklGRg==",
        "data:image/png;base64,iVBORw0K",
    ]
    assert [part["input_audio"]["format"] for part in parts[6:]] == ["mp3", "wav"]


def test_calls_and_their_results_belong_together_by_id() -> None:
    called, result = messages(
        Message("assistant", tool_calls=(ToolUse("get_weather", '{"a":1}', "c1"),)),
        Message("tool", "18 degrees", tool_call_id="c1", tool_name="get_weather"),
    )
    function = {"name": "get_weather", "arguments": '{"a":1}'}
    assert called == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c1", "type": "function", "function": function}],
    }
    assert result == {"role": "tool", "content": "18 degrees", "tool_call_id": "c1"}


def test_calls_without_ids_get_some_and_their_results_find_them() -> None:
    calls = (ToolUse("a", ""), ToolUse("b", ""), ToolUse("a", ""))
    called, *results = messages(
        Message("assistant", "Wait.", tool_calls=calls),
        Message("tool", "for b", tool_name="b"),
        Message("tool", "for the first a", tool_name="a"),
        Message("tool", "for what is left"),
        Message("tool", "for nobody"),
    )
    assert called["content"] == "Wait."
    assert [call["id"] for call in called["tool_calls"]] == ["call_1", "call_2", "call_3"]
    assert [call["function"]["arguments"] for call in called["tool_calls"]] == ["{}"] * 3
    assert [result["tool_call_id"] for result in results] == [
        "call_2",
        "call_1",
        "call_3",
        "call_4",
    ]


def test_thoughts_of_earlier_turns_and_names_go_along() -> None:
    thought, named = messages(
        Message("assistant", "Hi", thinking="Hm."), Message("user", "Hello", extra={"name": "Ann"})
    )
    assert thought["reasoning_content"] == "Hm."
    assert named["name"] == "Ann"


def test_a_completion_is_sent_as_one() -> None:
    request = Completion(model="toy", prompt="Once", suffix="end", logprobs=True, top_logprobs=3)
    assert render_completion(request) == {
        "model": "toy",
        "prompt": "Once",
        "suffix": "end",
        "logprobs": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_prompt_that_ollama_would_answer_as_a_chat_is_one() -> None:
    picture = ImagePart("/9j/4AAQ")
    request = Completion(
        model="toy", prompt="Hi", system="Be brief.", images=(picture,), seed=3, wire="ollama"
    )
    found = as_chat(request)
    assert found is not None
    assert found.messages == (
        Message("system", "Be brief."),
        Message("user", (TextPart("Hi"), picture)),
    )
    assert found.seed == 3
    assert found.wire == "ollama"


@pytest.mark.parametrize(
    "request_",
    [
        Completion(model="toy", prompt="Hi"),
        Completion(model="toy", prompt="Hi", raw=True, wire="ollama"),
        Completion(model="toy", prompt="Hi", suffix="!", wire="ollama"),
    ],
)
def test_a_raw_prompt_stays_a_completion(request_: Completion) -> None:
    assert as_chat(request_) is None


def test_texts_to_embed_are_sent_and_vectors_come_in_their_order() -> None:
    request = Embed(model="e", inputs=("a", "b"), dimensions=2, extra={"input_type": "query"})
    assert render_embed(request) == {
        "model": "e",
        "input": ["a", "b"],
        "encoding_format": "float",
        "dimensions": 2,
        "input_type": "query",
    }
    found = parse_embed(
        b'{"object":"list","data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2]}],'
        b'"model":"e","usage":{"prompt_tokens":5,"total_tokens":5},"more":1}'
    )
    assert found.vectors == [[1.0, 2.0], [3.0, 4.0]]
    assert found.usage == Usage(5)
    assert found.extra == {"more": 1}
    assert found.wire == "openai"


@pytest.mark.parametrize(
    ("entry", "length"),
    [
        ({}, 0),
        ({"max_model_len": 4096}, 4096),
        ({"max_context_length": 4096}, 4096),
        ({"context_length": 4096}, 4096),
        ({"meta": {"n_ctx_train": 8192, "n_ctx": 4096, "size": 99}}, 4096),
        ({"meta": {"n_ctx_train": 8192}}, 8192),
        ({"meta": None, "permission": []}, 0),
    ],
)
def test_a_list_of_models_tells_what_each_can_read(entry: Fields, length: int) -> None:
    listed = {"id": "org/toy:1", "object": "model", "created": 5, **entry}
    [model] = parse_models(orjson.dumps({"object": "list", "data": [listed]}), "box")
    assert (model.name, model.engine, model.kind) == ("org/toy:1", "box", "openai")
    assert (model.modified, model.context_length) == (5.0, length)
    assert model.entry == listed


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"data":[{"name":"x"}]}', b'{"data":[1]}', b'{"data":"x"}']
)
def test_a_list_that_is_none_is_garbled(body: bytes) -> None:
    with pytest.raises(EngineGarbled):
        parse_models(body, "box")


@pytest.mark.parametrize("body", [b"", b'{"data":[{"embedding":"AAAA"}]}', b'{"data":[{}]}'])
def test_vectors_that_are_none_are_garbled(body: bytes) -> None:
    with pytest.raises(EngineGarbled):
        parse_embed(body)


def error(message: str, **more: object) -> bytes:
    return orjson.dumps({"error": {"message": message, **more}})


@pytest.mark.parametrize(
    ("status", "body", "kind", "http_status"),
    [
        (400, error("bad temperature"), EngineRefused, 400),
        (400, error("no such model", code="model_not_found"), EngineLacksModel, 404),
        (401, error("wrong key"), EngineFailed, 502),
        (403, error("not yours"), EngineFailed, 502),
        (404, error("The model `x` does not exist."), EngineLacksModel, 404),
        (
            404,
            b'{"object":"error","message":"The model `x` does not exist."}',
            EngineLacksModel,
            404,
        ),
        (404, b'{"detail":"Not Found"}', EngineGarbled, 502),
        (404, b"nginx", EngineGarbled, 502),
        (413, b"", EngineRefused, 413),
        (422, b'{"detail":[{"loc":["body","n"],"msg":"extra"}]}', EngineRefused, 400),
        (429, error("slow down"), EngineBusy, 503),
        (429, error("pay first", code="insufficient_quota"), EngineFailed, 502),
        (500, b"Internal Server Error", EngineFailed, 502),
        (503, error("Loading model", type="unavailable_error"), EngineBusy, 503),
        (529, b"{}", EngineBusy, 503),
    ],
)
def test_a_refusal_is_the_error_it_means(
    status: int, body: bytes, kind: type[EngineError], http_status: int
) -> None:
    found = parse_error(status, body)
    assert type(found) is kind
    assert found.http_status == http_status


def test_a_refusal_says_what_the_engine_said() -> None:
    assert parse_error(400, error("bad temperature")).message == "bad temperature"
    assert parse_error(400, b'{"error":"plain"}').message == "plain"
    assert parse_error(400, b'{"detail":"from FastAPI"}').message == "from FastAPI"
    detail = b'{"detail":[{"loc":["body","n"],"msg":"extra"}]}'
    assert parse_error(422, detail).message == "body.n: extra"
    assert parse_error(500, b"").message == "The engine answered 500."
    assert "key" in parse_error(401, b"").message
    assert parse_error(503, b"{}", "7").retry_after == 7
    assert parse_error(503, b"{}", "Fri, 20 Nov").retry_after is None


@pytest.mark.parametrize(
    ("found", "kind", "message"),
    [
        ("plain", EngineFailed, "plain"),
        ({"message": "oom", "code": 500}, EngineFailed, "oom"),
        ({"message": "too long", "code": 400}, EngineRefused, "too long"),
        ({"message": "busy", "code": 503}, EngineBusy, "busy"),
        ({"message": "gone", "code": "gone"}, EngineFailed, "gone"),
        ({}, EngineFailed, "The engine reported an error without saying which."),
    ],
)
def test_an_error_in_a_stream_is_the_error_it_means(
    found: object, kind: type[EngineError], message: str
) -> None:
    error = parse_stream_error(found)
    assert type(error) is kind
    assert error.message == message
