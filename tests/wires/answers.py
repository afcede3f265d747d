"""Answers as an engine may give them, for property tests, in any order of text, thinking and calls;
and the named events that two of the wires make of them."""

from typing import Any

import orjson
from hypothesis import strategies as st

from _llamagate.exchange import (
    Event,
    Finish,
    Logprob,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Usage,
    Waiting,
)

_LOGPROBS = (Logprob("a", -0.25, (97,), (Logprob("b", -1.5, (98,)),)),)
_words = st.text(st.characters(codec="utf-8"), max_size=8)
_ids = st.sampled_from(["", "call_1", "functions.add:0", "9fR2"])


def _call(name: str, id: str, pieces: list[str]) -> list[Event]:
    """A call whose arguments come whole, or in pieces."""
    first, *rest = pieces
    return [ToolCall(name, first, id), *(ToolArguments(piece) for piece in rest)]


_calls = st.builds(
    _call,
    st.sampled_from(["add", "get_weather"]),
    _ids,
    st.sampled_from([["{}"], ['{"city":"Paris"}'], ["", '{"a"', ":1}"], [""]]),
)
_pieces = st.one_of(
    _words.map(lambda text: [Text(text)]),
    _words.map(lambda text: [Thinking(text)]),
    st.just([Text("a", logprobs=_LOGPROBS)]),
    st.just([Waiting(1, 500)]),
    _calls,
)
_ends = st.builds(
    Finish,
    st.sampled_from(["stop", "length", "tool_calls", "content_filter", "load"]),
    st.builds(Usage, st.integers(0, 9999), st.integers(0, 9999)),
)


@st.composite
def batches(draw: st.DrawFn) -> list[list[Event]]:
    """A whole answer, cut into batches anywhere."""
    events: list[Event] = [
        event for piece in draw(st.lists(_pieces, max_size=8)) for event in piece
    ]
    events.append(draw(_ends))
    found: list[list[Event]] = [[]]
    for event in events:
        if found[-1] and draw(st.booleans()):
            found.append([])
        found[-1].append(event)
    return found


def named_events(data: bytes) -> list[dict[str, Any]]:
    """The fields of server-sent events, each of which is named as its `type` says."""
    found = []
    for frame in data.decode().split("\n\n")[:-1]:
        event, line = frame.split("\n")
        fields = orjson.loads(line.removeprefix("data: "))
        assert event == f"event: {fields['type']}"
        found.append(fields)
    return found
