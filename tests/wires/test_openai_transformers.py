"""What `transformers serve` is asked, and what is said of the rest."""

import orjson
import pytest

from _llamagate.exchange import Chat, Completion, Message, Tool
from _llamagate.wires.openai.transformers import render, unsent

# What its two handlers know; any other field is answered with 422.
KNOWN = {
    *("model", "messages", "prompt", "stream", "temperature", "top_p", "seed", "max_tokens"),
    *("stop", "tools", "logit_bias", "chat_template_kwargs", "generation_config"),
}


def chat(**fields):
    return Chat(model="m", messages=(Message("user", "hi"),), **fields)


def config(request):
    text = render(request, talks=True)[1].get("generation_config")
    return orjson.loads(text) if text else None


def test_a_chat_is_sent_with_known_fields_only():
    everything = chat(
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        min_p=0.1,
        seed=1,
        max_tokens=7,
        presence_penalty=1.0,
        frequency_penalty=1.0,
        repeat_penalty=1.1,
        stop=("x",),
        think=True,
        format="json",
        logprobs=True,
        top_logprobs=2,
        num_ctx=10,
        keep_alive=5,
        options={"mirostat": 1},
        tools=(Tool("f"),),
        tool_choice="required",
        parallel_tool_calls=False,
        extra={"logit_bias": {"1": 2}, "verbosity": "low", "generation_config": "{}"},
        hints={"user": "ann"},
    )
    path, body = render(everything, talks=True)
    assert path == "/v1/chat/completions"
    assert set(body) <= KNOWN
    assert body["logit_bias"] == {"1": 2}
    assert set(unsent(everything, talks=True)) == {
        *("num_ctx", "keep_alive", "options", "verbosity", "generation_config"),
        *("response_format", "logprobs", "presence_penalty", "frequency_penalty", "tool_choice"),
    }


def test_nothing_is_named_of_a_plain_chat():
    plain = chat(temperature=0.2, max_tokens=4, stop=("x",), seed=3, tools=(Tool("f"),))
    assert unsent(plain, talks=True) == ()


def test_sampling_is_asked_for_where_the_models_own_default_may_be_greedy():
    assert config(chat(temperature=0.7)) == {"do_sample": True, "max_new_tokens": 1024}
    assert config(chat(top_k=3, max_tokens=9)) == {
        "do_sample": True,
        "top_k": 3,
        "max_new_tokens": 9,
    }


def test_at_temperature_zero_nothing_is_sampled():
    assert config(chat(temperature=0.0, top_k=3)) == {"top_k": 3, "max_new_tokens": 1024}
    assert config(chat(temperature=0.0)) is None


def test_who_asks_for_nothing_gets_the_models_own_way():
    assert config(chat(max_tokens=5)) is None


@pytest.mark.parametrize(
    ("think", "said"),
    [
        (None, None),
        (True, {"enable_thinking": True}),
        (False, {"enable_thinking": False}),
        ("low", {"enable_thinking": True, "reasoning_effort": "low"}),
    ],
)
def test_thinking_is_told_to_the_template(think, said):
    assert render(chat(think=think), talks=True)[1].get("chat_template_kwargs") == said


def test_of_what_a_client_tells_the_template_only_the_harmless_is_passed_on():
    said = {"enable_thinking": False, "reasoning_effort": "low"}
    asked = chat(extra={"chat_template_kwargs": said})
    assert render(asked, talks=True)[1]["chat_template_kwargs"] == said
    assert unsent(asked, talks=True) == ()
    asked = chat(extra={"chat_template_kwargs": {"chat_template": "{{ boom }}"}})
    assert "chat_template_kwargs" not in render(asked, talks=True)[1]
    assert unsent(asked, talks=True) == ("chat_template_kwargs",)


def test_tools_are_kept_back_where_none_may_be_called():
    assert "tools" not in render(chat(tools=(Tool("f"),), tool_choice="none"), talks=True)[1]


def test_a_prompt_of_another_wire_is_a_chat_for_a_model_that_talks():
    asked = Completion(model="m", prompt="hi", system="be brief", wire="ollama")
    path, body = render(asked, talks=True)
    assert path == "/v1/chat/completions"
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_a_model_without_a_template_goes_on_with_the_text():
    asked = Completion(model="m", prompt="once", system="a tale", wire="ollama")
    assert render(asked, talks=False)[1]["prompt"] == "a tale\n\nonce"
    talk = Chat(model="m", messages=(Message("system", "a tale"), Message("user", "once")))
    path, body = render(talk, talks=False)
    assert (path, body["prompt"]) == ("/v1/completions", "a tale\n\nonce")
    assert "messages" not in body


def test_a_prompt_of_openais_own_wire_is_never_a_chat():
    path, body = render(Completion(model="m", prompt="once", max_tokens=3), talks=True)
    assert (path, body["prompt"], body["max_tokens"]) == ("/v1/completions", "once", 3)


def test_a_bias_has_no_place_in_a_completion():
    asked = Completion(model="m", prompt="once", extra={"logit_bias": {"1": 1}})
    assert "logit_bias" not in render(asked, talks=True)[1]
    assert unsent(asked, talks=True) == ("logit_bias",)
