"""Lines cut out of a stream that may be split anywhere, and server-sent events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.errors import EngineGarbled
from _llamagate.wires import frames
from _llamagate.wires.frames import Lines, one_line, sse

TEXT = '{"response":"Grüße, 世界 \U0001f999"}\n{"response":"\\n"}\n\n{"done":true}\n'.encode()
LINES = [
    '{"response":"Grüße, 世界 \U0001f999"}'.encode(),
    b'{"response":"\\n"}',
    b"",
    b'{"done":true}',
]


def cut(data: bytes, *places: int) -> list[bytes]:
    ends = [0, *sorted(places), len(data)]
    return [data[begin:end] for begin, end in zip(ends, ends[1:], strict=False)]


def lines(pieces: list[bytes]) -> list[bytes]:
    cutter = Lines()
    found = [line for piece in pieces if piece for line in cutter.feed(piece)]
    assert cutter.rest() == b""
    return found


@pytest.mark.parametrize("place", range(len(TEXT) + 1))
def test_lines_are_the_same_wherever_the_stream_is_split(place: int) -> None:
    assert lines(cut(TEXT, place)) == LINES


def test_lines_are_the_same_when_every_byte_comes_alone() -> None:
    assert lines([bytes([byte]) for byte in TEXT]) == LINES


@given(st.lists(st.text(), min_size=1), st.data())
def test_letters_that_are_cut_apart_are_whole_again(texts: list[str], data: st.DataObject) -> None:
    sent = b"".join(json.dumps(text, ensure_ascii=False).encode() + b"\n" for text in texts)
    places = data.draw(st.lists(st.integers(0, len(sent)), max_size=8))
    assert [json.loads(line) for line in lines(cut(sent, *places))] == texts


def test_what_stands_after_the_last_line_end_is_the_rest() -> None:
    cutter = Lines()
    assert cutter.feed(b'{"a":1}\n{"b"') == [b'{"a":1}']
    assert cutter.feed(b":2") == []
    assert cutter.rest() == b'{"b":2'
    assert cutter.feed(b"}\n") == [b'{"b":2}']
    assert cutter.rest() == b""


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME", 1000)
    cutter = Lines()
    with pytest.raises(EngineGarbled):
        for _ in range(11):
            cutter.feed(b"x" * 100)


def test_long_lines_one_after_another_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME", 1000)
    cutter = Lines()
    for _ in range(20):
        assert cutter.feed(b"x" * 900) == []
        assert cutter.feed(b"\n") == [b"x" * 900]


def test_an_event_is_a_field_a_line_and_ends_with_an_empty_one() -> None:
    assert sse(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert sse(b"{}", "ping") == b"event: ping\ndata: {}\n\n"


@given(st.text())
def test_json_on_one_line_is_one_line_for_every_client(text: str) -> None:
    line = one_line(json.dumps(text, ensure_ascii=False).encode())
    assert json.loads(line) == text
    assert len(line.decode().splitlines()) == 1
