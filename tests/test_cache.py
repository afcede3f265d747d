"""What makes two requests the same, and how much is kept of their answers, for how long."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from _llamagate.cache import Cache, cache_key, worth_keeping
from _llamagate.exchange import (
    AudioPart,
    Chat,
    Completion,
    Event,
    Finish,
    ImagePart,
    Logprob,
    Message,
    Said,
    Text,
    TextPart,
    Thinking,
    Tool,
    ToolArguments,
    ToolCall,
    ToolUse,
    Waiting,
)

CHAT = Chat(model="m", messages=(Message("user", "Hello"),))
COMPLETION = Completion(model="m", prompt="Hello")
END = Finish("stop")

# Fields that say how an answer travels, or change nothing of it. The model is in the names.
NOT_IN_THE_KEY = {"model", "stream", "hints"}
OTHER: dict[str, Any] = {
    # for each field of a request, another value than its default
    "max_tokens": 5,
    "temperature": 0.0,
    "top_p": 0.5,
    "top_k": 5,
    "min_p": 0.5,
    "seed": 0,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "repeat_penalty": 0.5,
    "stop": ("x",),
    "think": False,
    "format": "json",
    "logprobs": True,
    "top_logprobs": 3,
    "num_ctx": 512,
    "keep_alive": "5m",
    "options": {"mirostat": 1},
    "wire": "ollama",
    "extra": {"a": 1},
    "messages": (Message("user", "Goodbye"),),
    "tools": (Tool("f"),),
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "prompt": "Goodbye",
    "suffix": "x",
    "system": "",
    "images": (ImagePart("aGk="),),
    "raw": True,
    "name": "g",
    "description": "x",
    "parameters": {"type": "object"},
    "strict": True,
    "arguments": "{}",
    "id": "call_1",
    "role": "system",
    "content": (TextPart("Hello"),),
    "thinking": "hm",
    "tool_calls": (ToolUse("f", "{}"),),
    "tool_call_id": "call_1",
    "tool_name": "f",
    "is_error": True,
    "text": "Goodbye",
    "data": "aGk=",
    "media_type": "image/png",
    "format_": "wav",
}
USE = ToolUse("f", '{"a":1}')


def key(*requests: Chat | Completion, scope: str = "me", names: tuple[str, ...] = ("m",)) -> bytes:
    return cache_key(scope, names, requests)


def holding(value: Any) -> Chat:
    """A chat with this value somewhere inside."""
    match value:
        case Chat():
            return value
        case Message():
            return replace(CHAT, messages=(value,))
        case Tool():
            return replace(CHAT, tools=(value,))
        case ToolUse():
            return holding(Message("assistant", tool_calls=(value,)))
    return holding(Message("user", (value,)))


def changes() -> list[tuple[str, Chat | Completion, Chat | Completion]]:
    """Every field of everything that a request can hold, changed alone."""
    found: list[tuple[str, Chat | Completion, Chat | Completion]] = []
    for value in (COMPLETION, CHAT, CHAT.messages[0], Tool("f"), USE, TextPart("Hello")) + (
        ImagePart("eA=="),
        AudioPart("eA=="),
    ):
        for one in fields(type(value)):
            if one.name in NOT_IN_THE_KEY:
                continue
            name = "format_" if isinstance(value, AudioPart) and one.name == "format" else one.name
            other = replace(value, **{one.name: OTHER[name]})
            before = value if isinstance(value, Completion) else holding(value)
            after = other if isinstance(other, Completion) else holding(other)
            found.append((f"{type(value).__name__}.{one.name}", before, after))
    return found


@pytest.mark.parametrize(("name", "before", "after"), changes(), ids=lambda x: str(x)[:40])
def test_another_value_of_any_field_is_another_key(
    name: str, before: Chat | Completion, after: Chat | Completion
) -> None:
    assert key(before) != key(after), name
    assert key(before) == key(replace(before))


def test_how_the_answer_travels_is_not_in_the_key() -> None:
    same = replace(CHAT, stream=True, hints={"user": "x"}, model="M:latest")
    assert key(same) == key(CHAT)


def test_who_asks_and_which_models_may_answer_are_in_it() -> None:
    assert key(CHAT, scope="you") != key(CHAT)
    assert key(CHAT, names=("m", "n")) != key(CHAT)
    assert key(CHAT, scope="a", names=("bc",)) != key(CHAT, scope="ab", names=("c",))
    assert key(CHAT, CHAT) != key(CHAT)
    assert key(COMPLETION) != key(replace(CHAT, messages=(Message("user", COMPLETION.prompt),)))


_chats = st.builds(
    Chat,
    model=st.just("m"),
    messages=st.lists(
        st.builds(Message, st.sampled_from(["user", "system"]), st.text(max_size=3)), max_size=3
    ).map(tuple),
    temperature=st.none() | st.sampled_from([0.0, 1.0]),
    stop=st.lists(st.text(max_size=2), max_size=2).map(tuple),
    extra=st.dictionaries(st.text(max_size=2), st.integers(0, 3) | st.text(max_size=2), max_size=2),
)


@given(_chats, _chats)
def test_keys_are_the_same_for_the_same_requests_only(one: Chat, other: Chat) -> None:
    assert (key(one) == key(other)) == (msgspec.json.encode(one) == msgspec.json.encode(other))


# ---------------------------------------------------------------- what is kept


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_there_with_its_age_until_it_is_too_old() -> None:
    clock = Clock()
    cache = Cache(10_000, ttl=60, clock=clock)
    cache.put(b"a", [Text("Hi"), END], ("foo",), "gpu-1")
    clock.now += 59.5
    found = cache.get(b"a")
    assert found is not None
    entry, age = found
    assert (entry.engine, entry.ignored, age) == ("gpu-1", ("foo",), 59)
    clock.now += 1
    assert cache.get(b"a") is None


def test_it_never_holds_more_bytes_than_it_may() -> None:
    cache = Cache(10_000, ttl=60)
    for number in range(50):
        cache.put(b"%d" % number, [Text("x" * 1000), END], (), "")
    kept = [n for n in range(50) if cache.get(b"%d" % n)]
    assert 1 < len(kept) < 10
    assert len(kept) * 1000 < cache.size <= 10_000
    assert cache.get(b"49") is not None


def test_what_was_read_longest_ago_goes_first() -> None:
    cache = Cache(10_000, ttl=60)
    for number in range(50):
        cache.put(b"%d" % number, [Text("x" * 1000), END], (), "")
        assert cache.get(b"0") is not None


def test_an_answer_takes_the_place_of_the_last_one() -> None:
    cache = Cache(10_000, ttl=60)
    for text in ("x" * 1000, "yes"):
        cache.put(b"a", [Text(text), END], (), "")
    found = cache.get(b"a")
    assert found is not None
    assert found[0].events == [Text("yes"), END]
    assert cache.size < 1000


def test_an_answer_that_is_larger_than_all_of_it_is_not_kept() -> None:
    cache = Cache(10_000, ttl=60)
    cache.put(b"small", [Text("x"), END], (), "")
    cache.put(b"large", [Text("x" * 20_000), END], (), "")
    assert cache.get(b"large") is None
    assert cache.get(b"small") is not None


def test_it_can_be_emptied() -> None:
    cache = Cache(10_000, ttl=60)
    cache.put(b"a", [Text("x"), END], (), "")
    cache.clear()
    assert cache.get(b"a") is None


def test_what_comes_out_says_what_went_in() -> None:
    events: list[Said] = [
        Thinking("hm"),
        Text("Hi", logprobs=(Logprob("Hi", -0.5),), extra={"a": 1}),
        END,
        ToolCall("f", "{", "call_1", choice=1),
        ToolArguments("}", choice=1),
        Finish("tool_calls", choice=1),
    ]
    cache = Cache(10_000, ttl=60)
    cache.put(b"a", events, (), "")
    found = cache.get(b"a")
    assert found is not None
    assert found[0].events == events


@pytest.mark.parametrize(
    ("reason", "kept"),
    [("stop", True), ("length", True), ("tool_calls", True), ("", False), ("load", False)],
)
def test_only_a_whole_answer_is_worth_keeping(reason: str, kept: bool) -> None:
    other: list[Event] = [Text("y", choice=1), Finish(reason, choice=1)]
    assert bool(worth_keeping([[Waiting(1, 5)], [Text("x"), END], other])) is kept
    assert not worth_keeping([[Text("x"), END], other[:1]])
    assert not worth_keeping([])


def test_pieces_are_kept_as_one() -> None:
    words = [Thinking("h"), Thinking("m"), *map(Text, "Hello"), Text("!", choice=1)]
    marked = Text("?", logprobs=(Logprob("?", -1),))
    batches: list[list[Event]] = [[word] for word in words]
    assert worth_keeping([*batches, [marked], [END, Finish("stop", choice=1)]]) == [
        Thinking("hm"),
        Text("Hello"),
        Text("!", choice=1),
        marked,
        END,
        Finish("stop", choice=1),
    ]
