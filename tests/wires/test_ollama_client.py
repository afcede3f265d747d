"""What Ollama's clients ask: nothing is lost on the way to an Ollama, and tricks are refused."""

from typing import Any

import orjson
import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, Completion
from _llamagate.wires.ollama import client, requests
from _llamagate.wires.ollama.errors import render_error
from tests.fakes.recorded import Recording, load, names

HI = [{"role": "user", "content": "Hi"}]
REFUSED = ("debug-render", "debug-render-native", "tools-schema-loss", "image-data-url")
RECORDED = [
    name
    for name in names("chat", "generate")
    if isinstance(load(name).body, dict) and name.split("/")[1] not in REFUSED
]


def sent_on(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What an Ollama engine is asked when a client asks this."""
    asked: Chat | Completion
    if path == "/api/chat":
        asked = client.parse_chat(body)
        found: dict[str, Any] = orjson.loads(requests.render_chat(asked))
    else:
        asked = client.parse_generate(body)
        found = orjson.loads(requests.render_completion(asked))
    return found


def said(body: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing: Ollama takes what is empty for what is not there."""
    messages = body.get("messages") or []
    body = {**body, "messages": [{k: v for k, v in m.items() if v} for m in messages]}
    return {name: value for name, value in body.items() if value not in ("", [])}


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_request_reaches_an_ollama_as_it_was(name: str) -> None:
    recording: Recording = load(name)
    asked = {**recording.body, "stream": True}  # a plain answer is collected here
    assert said(sent_on(recording.path, recording.body)) == said(asked)


def test_no_field_of_a_chat_is_lost_known_or_unknown() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "developer", "content": "Be kind.", "cache": True},
            {"role": "user", "content": "Look", "images": ["aGk="], "audio_format": "wav"},
            {
                "role": "assistant",
                "content": "",
                "thinking": "Hm.\n",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "origin": "here",
                        "function": {
                            "index": 0,
                            "name": "f",
                            "arguments": {"b": 1, "a": 2},
                            "v": 1,
                        },
                    }
                ],
            },
            {"role": "tool", "content": "42", "tool_call_id": "c1", "tool_name": "f"},
        ],
        "tools": [
            {
                "type": "function",
                "beta": 1,
                "function": {
                    "name": "f",
                    "description": "does",
                    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}},
                    "returns": "number",
                },
            },
            {
                "type": "builtin",
                "function": {
                    "name": "g",
                    "description": "",
                    "parameters": {"type": "object", "properties": {}},
                },
            },
        ],
        "format": {"type": "object", "properties": {"_private": {"type": "string"}}},
        "keep_alive": -1,
        "think": "high",
        "logprobs": True,
        "top_logprobs": 3,
        "truncate": False,
        "shift": False,
        "a_field_of_next_year": {"Model": "other", "_deep": [1, None]},
        "options": {
            "temperature": 0.5,
            "num_predict": -1,
            "num_ctx": 2048,
            "seed": 7,
            "stop": ["a", "b"],
            "num_gpu": 0,
            "use_mmap": False,
            "an_option_of_next_year": "x",
        },
    }
    assert sent_on("/api/chat", body) == {**body, "stream": True}


def test_no_field_of_a_completion_is_lost() -> None:
    body = {
        "model": "m",
        "prompt": "def f(",
        "suffix": "return 1",
        "system": "",
        "template": "{{ .Prompt }}",
        "context": [1, 2, 3],
        "raw": True,
        "images": ["aGk="],
        "keep_alive": "10m",
        "next": 1,
    }
    assert sent_on("/api/generate", body) == {**body, "stream": True}


def test_an_embedding_is_asked_with_all_its_fields() -> None:
    body = {
        "model": "m",
        "input": ["a", "b"],
        "dimensions": 64,
        "truncate": False,
        "keep_alive": 60,
        "options": {"num_ctx": 512, "num_thread": 2},
        "next": 1,
    }
    assert orjson.loads(requests.render_embed(client.parse_embed(body))) == body


def test_one_text_to_embed_is_a_list_of_one() -> None:
    assert client.parse_embed({"model": "m", "input": "a"}).inputs == ("a",)
    assert client.parse_embed({"model": "m", "input": [""]}).inputs == ("",)


@pytest.mark.parametrize("body", [{}, {"input": ""}, {"input": []}, {"input": None}])
def test_no_text_to_embed_is_the_wish_to_load(body: dict[str, Any]) -> None:
    assert client.parse_embed({"model": "m", **body}).inputs == ()


def test_the_older_embedding_is_the_newer_one_that_cuts_nothing() -> None:
    body = {"model": "m", "prompt": "a", "input": "ignored", "options": {"num_ctx": 64}}
    asked = orjson.loads(requests.render_embed(client.parse_embeddings(body)))
    assert asked == {"model": "m", "input": ["a"], "truncate": False, "options": {"num_ctx": 64}}


def test_null_says_nothing() -> None:
    names = ("stream", "format", "keep_alive", "options", "think", "logprobs", "tools", "template")
    chat = client.parse_chat({"model": None, "messages": None, **dict.fromkeys(names)})
    assert chat == client.parse_chat({"template": None})
    assert chat.stream
    options = client.parse_chat({"options": {"seed": None, "num_gpu": None}})
    assert (options.seed, options.options) == (None, {})


def test_a_fraction_where_ollama_wants_a_whole_number_is_cut() -> None:
    assert client.parse_chat({"options": {"seed": 1.9}}).seed == 1


def test_roles_are_of_any_kind_and_in_lower_case() -> None:
    messages = client.parse_chat({"messages": [{"role": "User"}, {"content": "x"}]}).messages
    assert [message.role for message in messages] == ["user", ""]


def test_show_takes_the_older_name_of_its_field() -> None:
    assert client.parse_show({"name": "a", "verbose": True}) == ("a", {"verbose": True})
    assert client.parse_show({"name": "a", "model": "b"}) == ("b", {})


def message(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", **fields}]}


def call(**function: Any) -> dict[str, Any]:
    return message(tool_calls=[{"function": function}])


def options(**fields: Any) -> dict[str, Any]:
    return {"options": fields}


BAD: list[tuple[dict[str, Any], str]] = [
    ({"MODEL": "other"}, "MODEL"),
    ({"Messages": []}, "Messages"),
    ({"me\u017f\u017fages": []}, "me\u017f\u017fages"),
    ({"\u212aeep_alive": 0}, "\u212aeep_alive"),
    ({"Template": "x"}, "Template"),
    ({"_debug_render_only": True}, "_debug_render_only"),
    ({"_": 1}, "_"),
    ({"model": 5}, "model"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": ["Hi"]}, "messages[0]"),
    (message(content=["Hi"]), "messages[0].content"),
    (message(content=[{"type": "text", "text": "Hi"}]), "messages[0].content"),
    (message(content=5), "messages[0].content"),
    (message(Content="Hi"), "messages[0].Content"),
    (message(_hidden="Hi"), "messages[0]._hidden"),
    (message(role=1), "messages[0].role"),
    (message(thinking=True), "messages[0].thinking"),
    (message(images="aGk="), "messages[0].images"),
    (message(images=[5]), "messages[0].images[0]"),
    (message(images=["data:image/png;base64,aGk="]), "messages[0].images[0]"),
    (message(images=["a", "\u00e4"]), "messages[0].images[1]"),
    (message(tool_calls={}), "messages[0].tool_calls"),
    (message(tool_calls=[{}]), "messages[0].tool_calls[0].function"),
    (call(arguments={}), "messages[0].tool_calls[0].function.name"),
    (call(name="f", arguments="{}"), "messages[0].tool_calls[0].function.arguments"),
    (call(name="f", Arguments={}), "messages[0].tool_calls[0].function.Arguments"),
    ({"tools": {}}, "tools"),
    ({"tools": ["f"]}, "tools[0]"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"function": {}}]}, "tools[0].function.name"),
    ({"tools": [{"function": {"name": "f", "parameters": []}}]}, "tools[0].function.parameters"),
    ({"tools": [{"function": {"name": "f"}, "Function": {}}]}, "tools[0].Function"),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"format": "xml"}, "format"),
    ({"format": []}, "format"),
    ({"think": "a little"}, "think"),
    ({"think": 1}, "think"),
    ({"keep_alive": True}, "keep_alive"),
    ({"keep_alive": []}, "keep_alive"),
    ({"logprobs": 1}, "logprobs"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"top_logprobs": -1}, "top_logprobs"),
    ({"options": []}, "options"),
    (options(num_ctx="4096"), "options.num_ctx"),
    (options(NUM_CTX=4096), "options.NUM_CTX"),
    (options(temperature="hot"), "options.temperature"),
    (options(seed=True), "options.seed"),
    (options(seed=1e30), "options.seed"),
    (options(stop="END"), "options.stop"),
    (options(stop=[1]), "options.stop[0]"),
]


@pytest.mark.parametrize(("body", "param"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_a_bad_chat_is_refused_and_the_field_named(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        client.parse_chat({"model": "m", "messages": HI, **body})
    assert refused.value.param == param
    rendered = render_error(refused.value, "req_1")
    assert set(rendered) == {"error"}
    assert param in rendered["error"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": ["a"]}, "prompt"),
        ({"Prompt": "a"}, "Prompt"),
        ({"suffix": 5}, "suffix"),
        ({"system": []}, "system"),
        ({"\u017fystem": "a"}, "\u017fystem"),
        ({"raw": "yes"}, "raw"),
        ({"images": ["data:image/png;base64,aGk="]}, "images[0]"),
        ({"_debug_render_only": False}, "_debug_render_only"),
    ],
)
def test_a_bad_completion_is_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        client.parse_generate({"model": "m", **body})
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [[1, 2]]}, "input[0]"),
        ({"Input": "a"}, "Input"),
        ({"dimensions": "8"}, "dimensions"),
        ({"truncate": "no"}, "truncate"),
        ({"options": {"num_ctx": "1"}}, "options.num_ctx"),
        ({"options": {"Num_Ctx": 1}}, "options.Num_Ctx"),
    ],
)
def test_a_bad_embedding_is_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        client.parse_embed({"model": "m", **body})
    assert refused.value.param == param


@pytest.mark.parametrize(
    "body", [{}, {"model": ""}, {"model": 5}, {"model": "a", "Model": "b"}, {"NAME": "a"}]
)
def test_a_bad_show_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        client.parse_show(body)
