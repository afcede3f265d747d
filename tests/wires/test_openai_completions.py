"""Text completions in OpenAI's words: prompts, copies, echoes, and the older form of logprobs."""

from typing import Any

import orjson
import pytest

from _llamagate.errors import EngineBroke, InvalidRequest
from _llamagate.exchange import (
    Event,
    Finish,
    Logprob,
    Reply,
    Text,
    Thinking,
    Usage,
    collect_batches,
)
from _llamagate.wires.openai.chat_answers import DONE
from _llamagate.wires.openai.completions import (
    AskedCompletions,
    CompletionStream,
    parse_completions,
    render_completions,
)
from _llamagate.wires.openai.engine_answers import AnswerParser

END = Finish("stop", Usage(7, 3))


def asked(prompt: Any = "Say hi", **more: Any) -> AskedCompletions:
    return parse_completions({"prompt": prompt, **more})


def refusal(body: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse_completions(body)
    return caught.value


def whole(request: AskedCompletions, *replies: Reply) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(render_completions(request, replies, "m"))
    return found


def stream(request: AskedCompletions, *given: Event) -> list[dict[str, Any]]:
    renderer = CompletionStream(request, "m")
    sent = b"".join(renderer.feed([event]) for event in given) + renderer.end()
    assert sent.endswith(DONE)
    frames = sent.removesuffix(DONE).split(b"\n\n")[:-1]
    return [orjson.loads(frame.removeprefix(b"data: ")) for frame in frames]


# ---------------------------------------------------------------- asked


def test_each_prompt_is_a_completion() -> None:
    assert [one.prompt for one in asked("a").completions] == ["a"]
    assert [one.prompt for one in asked(["a", "b"], n=2).completions] == ["a", "b"]
    assert asked(["a", "b"], n=2).copies == 2


def test_an_empty_prompt_is_one() -> None:
    assert asked("").completions[0].prompt == ""


@pytest.mark.parametrize("prompt", [[1, 2], [[1], [2]], ["a", 5], [], ["x"] * 129, None, 5, {}])
def test_a_prompt_that_is_no_text_is_refused(prompt: object) -> None:
    error = refusal({"prompt": prompt})
    assert (error.param or "").startswith("prompt")


def test_a_missing_prompt_is_named() -> None:
    assert refusal({"model": "m"}).param == "prompt"


def test_every_field_arrives() -> None:
    (completion,) = asked(
        suffix="end", max_tokens=5, temperature=0, seed=3, stop="x", logprobs=2, model="m"
    ).completions
    assert (completion.suffix, completion.max_tokens, completion.temperature) == ("end", 5, 0)
    assert (completion.seed, completion.stop, completion.model) == (3, ("x",), "m")
    assert (completion.logprobs, completion.top_logprobs) == (True, 2)


def test_no_logprobs_is_not_the_same_as_none_beside_the_chosen() -> None:
    (chosen,) = asked(logprobs=0).completions
    assert (chosen.logprobs, chosen.top_logprobs) == (True, 0)
    assert not asked().completions[0].logprobs


def test_fields_that_say_nothing_are_never_refused() -> None:
    names = ("suffix", "n", "best_of", "logprobs", "stop", "user", "stream_options", "logit_bias")
    assert asked(**dict.fromkeys(names)) == asked()


def test_only_engines_of_the_same_wire_get_what_has_no_name() -> None:
    assert asked(logit_bias={"5": 1}, foo=1).completions[0].extra == {
        "logit_bias": {"5": 1},
        "foo": 1,
    }
    assert asked(user="ada").person == "ada"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"best_of": 3}, "best_of"),
        ({"n": 17}, "n"),
        ({"n": 0}, "n"),
        ({"logprobs": 21}, "logprobs"),
        ({"logprobs": True}, "logprobs"),
        ({"echo": "yes"}, "echo"),
        ({"PROMPT": "x"}, "PROMPT"),
        ({"suffix": 5}, "suffix"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(more: dict[str, Any], param: str) -> None:
    assert refusal({"prompt": "x", **more}).param == param
    assert asked(best_of=2, n=2).copies == 2


# ---------------------------------------------------------------- answered


def test_a_whole_answer() -> None:
    answer = whole(asked(), Reply("Hi.", END))
    assert answer["id"].startswith("cmpl-")
    assert (answer["object"], answer["model"]) == ("text_completion", "m")
    assert answer["choices"] == [
        {"text": "Hi.", "index": 0, "logprobs": None, "finish_reason": "stop"}
    ]
    assert answer["usage"]["total_tokens"] == 10


def test_the_answer_names_the_model_as_it_was_asked_for() -> None:
    assert whole(asked(model="Llama3.2"), Reply("x", END))["model"] == "Llama3.2"


def test_an_echo_begins_with_the_prompt_of_its_choice() -> None:
    request = asked(["a", "b"], n=2, echo=True)
    replies = [Reply("!", END, choice=choice) for choice in range(4)]
    assert [one["text"] for one in whole(request, *replies)["choices"]] == ["a!", "a!", "b!", "b!"]
    pieces = stream(request, Text("!", 2), Text("?", 2), Finish("stop", choice=3))
    assert [one["choices"][0]["text"] for one in pieces] == ["b!", "?", "b"]


def test_each_prompt_counts_once_and_each_copys_answer() -> None:
    replies = [
        Reply("x", Finish("stop", Usage(prompt, 10)), choice=choice)
        for choice, prompt in enumerate((3, 3, 5, 5))
    ]
    usage = whole(asked(["a", "b"], n=2), *replies)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (8, 40)


def test_logprobs_are_in_the_older_form() -> None:
    sure = (Logprob("Hi", -0.5, top=(Logprob("Hi", -0.5), Logprob("Ho", -1.0))), Logprob(".", -0.1))
    wanted = {
        "tokens": ["Hi", "."],
        "token_logprobs": [-0.5, -0.1],
        "top_logprobs": [{"Hi": -0.5, "Ho": -1.0}, {}],
        "text_offset": [6, 8],
    }
    request = asked(logprobs=2, echo=True)  # the prompt has six letters
    assert whole(request, Reply("Hi.", END, logprobs=sure))["choices"][0]["logprobs"] == wanted
    first, second, _ = stream(
        request, Text("Hi", logprobs=sure[:1]), Text(".", logprobs=sure[1:]), END
    )
    assert first["choices"][0]["logprobs"]["text_offset"] == [6]
    assert second["choices"][0]["logprobs"]["text_offset"] == [8]


def test_a_stream_ends_with_its_reason_and_usage_where_asked_for() -> None:
    request = asked(stream=True, stream_options={"include_usage": True})
    *chunks, usage = stream(request, Text("Hi"), Thinking("hm"), END)
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["Hi", ""]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, "stop"]
    assert [chunk["usage"] for chunk in chunks] == [None, None]
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 10)


def test_an_error_in_the_stream_is_an_event_and_no_end() -> None:
    sent = CompletionStream(asked(), "m").fail(EngineBroke("It broke."), "req_1")
    assert orjson.loads(sent.removeprefix(b"data: "))["error"]["message"] == "It broke."


def test_what_is_streamed_is_read_back_as_the_same_answer() -> None:
    request = asked(stream=True, stream_options={"include_usage": True})
    renderer, parser = CompletionStream(request, "m"), AnswerParser()
    sent = renderer.feed([Text("He"), Text("llo", logprobs=(Logprob("llo", -0.5),))])
    events = parser.feed(sent + renderer.feed([END]) + renderer.end()) + parser.end()
    (reply,) = collect_batches([events])
    assert (reply.text, reply.finish.usage, reply.finish.reason) == ("Hello", END.usage, "stop")
    assert reply.logprobs == (Logprob("llo", -0.5),)
