"""Responses kept for those who made them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from _llamagate.conversations import Conversations
from _llamagate.exchange import Fields


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def message(id: str, text: str = "Hi") -> Fields:
    return {"id": id, "type": "message", "role": "user", "content": text}


def response(id: str, *output: Fields, **fields: Any) -> Fields:
    return {"id": id, "object": "response", "output": list(output), **fields}


def test_a_response_is_found_again_with_its_conversation() -> None:
    kept = Conversations()
    kept.keep("ann", response("r1", message("m2")), [message("m1")])
    assert kept.response("ann", "r1") == response("r1", message("m2"))
    assert kept.input("ann", "r1") == [message("m1")]
    assert kept.conversation("ann", "r1") == [message("m1"), message("m2")]
    assert kept.item("ann", "m2") == message("m2")


def test_nobody_finds_what_another_account_keeps() -> None:
    kept = Conversations()
    kept.keep("ann", response("r1", message("m2")), [message("m1")])
    assert kept.response("bob", "r1") is None
    assert kept.input("bob", "r1") is None
    assert kept.of("bob").conversation("r1") is None
    assert kept.of("bob").item("m1") is None
    assert not kept.delete("bob", "r1")
    assert kept.of("ann").item("m1") == message("m1")


def test_a_deleted_response_is_gone_and_what_follows_it_stays() -> None:
    kept = Conversations()
    kept.keep("ann", response("r1", message("m2")), [message("m1")])
    earlier = kept.conversation("ann", "r1") or []
    kept.keep("ann", response("r2", message("m4")), [*earlier, message("m3")])
    assert kept.delete("ann", "r1")
    assert not kept.delete("ann", "r1")
    assert kept.response("ann", "r1") is None
    found = kept.conversation("ann", "r2") or []
    assert [item["id"] for item in found] == ["m1", "m2", "m3", "m4"]


def test_a_response_is_forgotten_at_its_age() -> None:
    clock = Clock()
    kept = Conversations(max_age=60, clock=clock)
    kept.keep("ann", response("r1"), [message("m1")])
    clock.now += 59
    assert kept.response("ann", "r1")
    clock.now += 1
    assert kept.response("ann", "r1") is None
    assert kept.item("ann", "m1") is None


def test_the_oldest_goes_when_there_are_too_many() -> None:
    kept = Conversations(max_count=2)
    for number in range(3):
        kept.keep("ann", response(f"r{number}"), [])
    assert [kept.response("ann", f"r{n}") is None for n in range(3)] == [True, False, False]


def test_who_keeps_the_most_gives_way() -> None:
    kept = Conversations(max_count=3)
    kept.keep("bob", response("b"), [])
    for number in range(5):
        kept.keep("ann", response(f"r{number}"), [])
    assert kept.response("bob", "b")
    assert kept.response("ann", "r2") is None


def test_whoever_fills_the_memory_gives_way() -> None:
    kept = Conversations(max_bytes=5000)
    kept.keep("bob", response("b"), [message("m1")])
    for number in range(4):
        kept.keep("ann", response(f"r{number}"), [message(f"a{number}", "x" * 2000)])
    assert kept.response("bob", "b")
    assert [kept.response("ann", f"r{n}") is None for n in range(4)] == [True, True, False, False]


def test_a_response_larger_than_everything_is_not_kept() -> None:
    kept = Conversations(max_bytes=100)
    kept.keep("ann", response("r1"), [message("m1", "x" * 1000)])
    assert kept.response("ann", "r1") is None


def test_a_long_conversation_keeps_its_items_once() -> None:
    kept = Conversations(max_bytes=400_000)
    items: list[Fields] = []
    for turn in range(40):
        items = [*items, message(f"m{turn}", "x" * 5000)]
        kept.keep("ann", response(f"r{turn}"), items)
    assert kept.input("ann", "r39") == items
    assert kept.response("ann", "r0")


def test_an_id_that_is_used_twice_does_not_change_what_was_kept() -> None:
    kept = Conversations()
    kept.keep("ann", response("r1"), [message("m1", "first")])
    kept.keep("ann", response("r2"), [message("m1", "second")])
    assert kept.input("ann", "r1") == [message("m1", "first")]
    assert kept.input("ann", "r2") == [message("m1", "second")]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 300))))
def test_nothing_is_left_of_what_is_gone(steps: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    kept = Conversations(max_count=4, max_bytes=2000, max_age=10, clock=clock)
    for number, (account, shared, size) in enumerate(steps):
        clock.now += 1
        items = [message(f"m{shared}", "x" * size), message(f"n{number}")]
        kept.keep(account, response(f"r{number}", message(f"o{number}")), items)
        assert sum(len(shelf.responses) for shelf in kept._shelves.values()) <= 4
        assert sum(shelf.size for shelf in kept._shelves.values()) <= 2000
        for shelf in kept._shelves.values():
            assert shelf.size >= sum(len(item.data) for item in shelf.items.values())
    clock.now += 11
    assert kept.response("a", "r0") is None
    assert kept._shelves == {}
