"""Tokens of a prompt, estimated where no engine counts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.exchange import Chat, ImagePart, Message, Tool, ToolUse
from _llamagate.wires.estimate import Estimator, Measure, measure
from _llamagate.wires.ollama.answers import AnswerParser
from tests.fakes.recorded import load

WORDS = [
    *("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "runs", "into"),
    *("the", "green", "forest", "again"),
]


def talk(*texts: str, tools: int = 0) -> Chat:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}}
    return Chat(
        model="m",
        messages=tuple(Message("user", text) for text in texts),
        tools=tuple(Tool(f"tool_{n}", "Reads a file", schema) for n in range(tools)),
    )


def prose(words: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def recorded(name: str) -> tuple[Chat, int]:
    """A prompt that a real server was sent, and how many tokens it counted."""
    recording = load(name)
    messages = [
        Message(
            message["role"],
            message["content"],
            tool_calls=tuple(
                ToolUse(call["function"]["name"], str(call["function"]["arguments"]))
                for call in message.get("tool_calls", ())
            ),
        )
        for message in recording.body["messages"]
    ]
    functions = [tool["function"] for tool in recording.body.get("tools", ())]
    tools = [Tool(f["name"], f.get("description", ""), f["parameters"]) for f in functions]
    parser = AnswerParser()
    events = [event for chunk in recording.chunks for event in parser.feed(chunk)]
    finish = [*events, *parser.end()][-1]
    tokens = finish.usage.prompt  # type: ignore[union-attr]  # an answer's last event
    return Chat(model="m", messages=tuple(messages), tools=tuple(tools)), tokens


def test_prose_has_about_a_token_for_four_letters() -> None:
    found = Estimator().estimate("m", measure(talk(prose(1000, 1))))
    assert 900 < found < 1300


def test_code_and_json_have_more_tokens_than_prose_of_the_same_length() -> None:
    code = '{"a": [1, 2, 3], "b": {"c": null}}; ' * 20
    by_kind = [Estimator().estimate("m", measure(talk(text))) for text in (code, "word " * 144)]
    assert by_kind[0] > 1.3 * by_kind[1]


def test_everything_that_the_model_reads_counts() -> None:
    plain = Chat(model="m", messages=(Message("user", "Hi"),))
    richer = [
        Message("user", (ImagePart("aGk="),)),
        Message("assistant", "", thinking="Let me think about this for a while."),
        Message("assistant", "", tool_calls=(ToolUse("read_file", '{"path":"/tmp/a"}'),)),
    ]
    base = Estimator().estimate("m", measure(plain))
    for message in richer:
        chat = Chat(model="m", messages=(*plain.messages, message))
        assert Estimator().estimate("m", measure(chat)) > base + 6
    assert Estimator().estimate("m", measure(talk("Hi", tools=3))) > base + 60


def test_tools_that_are_not_offered_do_not_count() -> None:
    with_tools = talk("Hi", tools=3)
    never = Chat(
        model="m", messages=with_tools.messages, tools=with_tools.tools, tool_choice="none"
    )
    assert measure(never) == measure(talk("Hi"))


@pytest.mark.parametrize("per_unit", [0.6, 1.0, 1.6])
@pytest.mark.parametrize("overhead", [0, 250])
def test_five_calls_teach_how_a_model_counts(per_unit: float, overhead: int) -> None:
    def counted(chat: Chat) -> int:
        _, messages, text, has_tools, tools, _ = measure(chat)
        return round(overhead * has_tools + 7 * messages + per_unit * (text + tools))

    estimator = Estimator()
    for turn in (3, 30, 300, 80, 1000):
        chat = talk(*(prose(turn, n) for n in range(3)), tools=4)
        estimator.learn("m", measure(chat), counted(chat))
    for turn in (20, 60, 150, 500, 4000):
        chat = talk(*(prose(turn, n) for n in range(5)), tools=4)
        assert estimator.estimate("m", measure(chat)) == pytest.approx(counted(chat), rel=0.15)


def test_five_recorded_calls_teach_how_a_real_model_counts() -> None:
    estimator = Estimator()
    learnt = ("tools", "tools-text", "tools-result", "tools-parallel-stream", "length-shift-native")
    for name in learnt:
        chat, tokens = recorded(f"chat/{name}")
        estimator.learn("m", measure(chat), tokens)
    for name in ("tools-stream", "tools-parallel", "tools-result-parallel", "logprobs-native"):
        chat, tokens = recorded(f"chat/{name}")
        assert estimator.estimate("m", measure(chat)) == pytest.approx(tokens, rel=0.15)


def test_a_prompt_that_was_counted_five_times_is_known() -> None:
    estimator = Estimator()
    prompt = measure(talk("Hello"))
    for _ in range(5):
        estimator.learn("m", prompt, 300)
    assert estimator.estimate("m", prompt) == pytest.approx(300, rel=0.15)


def test_models_are_learnt_apart_and_silence_teaches_nothing() -> None:
    estimator = Estimator()
    prompt = measure(talk(prose(100, 1)))
    before = estimator.estimate("b", prompt)
    estimator.learn("a", prompt, 1000)
    estimator.learn("b", prompt, 0)
    assert estimator.estimate("a", prompt) > 2 * before
    assert estimator.estimate("b", prompt) == before


def test_only_so_many_models_are_remembered() -> None:
    estimator = Estimator()
    prompt = measure(talk(prose(100, 1)))
    fresh = estimator.estimate("new", prompt)
    estimator.learn("old", prompt, 2000)
    for number in range(300):
        estimator.learn(f"m{number}", prompt, 2000)
    assert estimator.estimate("old", prompt) == fresh
    assert estimator.estimate("m299", prompt) > fresh


@given(
    st.lists(
        st.tuples(
            st.tuples(*(st.floats(0, 1e6) for _ in range(6))).map(lambda found: (1.0, *found[1:])),
            st.integers(-5, 10**7),
        ),
        max_size=20,
    )
)
def test_an_estimate_is_a_number_of_tokens_whatever_was_learnt(
    calls: list[tuple[Measure, int]],
) -> None:
    estimator = Estimator()
    for prompt, tokens in calls:
        estimator.learn("m", prompt, tokens)
        assert estimator.estimate("m", prompt) >= 1
