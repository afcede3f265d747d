"""Text before its first stop sequence, however it comes in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from _llamagate.exchange import Finish, Text, Thinking, Usage
from _llamagate.wires.openai.stops import Until


def fed(stops, *pieces, reason="stop"):
    until = Until(stops)
    events = [event for piece in pieces for event in until.feed([Text(piece)])]
    events += until.feed([Finish(reason, Usage(3, 4))])
    return "".join(e.text for e in events if isinstance(e, Text)), events[-1]


def test_what_follows_a_stop_sequence_is_left_out_and_the_sequence_is_named():
    text, finish = fed(["END", "zzz"], "one two END three")
    assert text == "one two "
    assert (finish.reason, finish.stop_sequence, finish.usage) == (
        "stop_sequence",
        "END",
        Usage(3, 4),
    )


def test_a_sequence_in_pieces_is_found():
    assert fed(["END"], "one E", "N", "D two")[0] == "one "


def test_what_only_looked_like_one_comes_after_all():
    text, finish = fed(["END"], "one E", "NTER", " EN", reason="length")
    assert text == "one ENTER EN"
    assert finish.reason == "length"


def test_nothing_is_held_back_longer_than_it_may_be_a_beginning():
    until = Until(["\n\n"])
    assert until.feed([Text("line\n")]) == [Text("line")]
    assert until.feed([Text("next")]) == [Text("\nnext")]


def test_without_sequences_events_pass_as_they_are():
    events = [Thinking("hm"), Text("END"), Finish("stop")]
    assert Until(()).feed(events) is events


def test_thoughts_are_not_searched():
    assert Until(["hm"]).feed([Thinking("hm")]) == [Thinking("hm")]


letters = st.text("ab", max_size=12)


@given(letters, st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3), st.data())
def test_the_pieces_make_no_difference(text, stops, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    ends = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    assert fed(stops, *pieces)[0] == (text[: min(ends)[1]] if ends else text)
