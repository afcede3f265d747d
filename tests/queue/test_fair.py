"""Who is next, without a clock: shares, order, and what a place in the line is worth."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from _llamagate.queue.fair import BATCH_EVERY, Fair


@dataclass(frozen=True, eq=False)
class Place:
    account: str
    number: int = 0
    weight: float = 1.0
    person: str = ""
    batch: bool = False


WEIGHTS = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 0.5}

places = st.builds(
    lambda account, person, batch, number: Place(account, number, WEIGHTS[account], person, batch),
    st.sampled_from("abcd"),
    st.sampled_from(["", "p", "q"]),
    st.booleans(),
    st.integers(0, 1000),
)
steps = st.lists(
    st.one_of(places, st.just("pop"), st.tuples(st.just("remove"), st.integers(0, 100)))
)


def played(script: list[object]) -> tuple[Fair[Place], list[Place]]:
    """The line after these steps, and who is in it."""
    fair: Fair[Place] = Fair()
    inside: list[Place] = []
    for step in script:
        if isinstance(step, Place):
            fair.add(step)
            inside.append(step)
        elif inside and step == "pop":
            inside.remove(fair.pop())
        elif inside and isinstance(step, tuple):
            one = inside.pop(step[1] % len(inside))
            fair.remove(one)
    return fair, inside


def backlog(fair: Fair[Place], count: int, **kind: object) -> None:
    for number in range(count):
        fair.add(Place(number=number, **kind))


def lane(one: Place) -> tuple[str, str, bool]:
    return one.account, one.person, one.batch


def drained(fair: Fair[Place]) -> list[Place]:
    return [fair.pop() for _ in range(len(fair))]


@given(steps)
def test_everybody_who_waits_has_one_turn_and_nobody_else_has(script):
    fair, inside = played(script)
    assert len(fair) == len(inside)
    assert sorted(map(id, drained(fair))) == sorted(map(id, inside))


@given(steps)
def test_a_place_is_the_number_of_turns_until_ones_own_if_nobody_comes_or_goes(script):
    fair, inside = played(script)
    foretold = {id(one): fair.ahead(one) for one in inside}
    assert [foretold[id(one)] for one in drained(fair)] == list(range(len(inside)))


@given(steps)
def test_one_person_of_one_caller_is_served_first_come_first_served(script):
    fair, inside = played(script)
    order = drained(fair)
    for one in inside:
        for later in inside[inside.index(one) + 1 :]:
            alike = lane(one) == lane(later)
            assert not alike or order.index(one) < order.index(later)


@given(st.integers(1, 250))
def test_a_newcomer_is_next_however_long_anothers_backlog(length):
    fair: Fair[Place] = Fair()
    backlog(fair, length, account="heavy")
    fair.pop()
    light = Place("light")
    fair.add(light)
    assert fair.ahead(light) == 0
    assert fair.pop() is light


def test_callers_with_a_backlog_share_by_weight():
    fair: Fair[Place] = Fair()
    backlog(fair, 300, account="a", weight=1.0)
    backlog(fair, 300, account="b", weight=2.0)
    turns = Counter(fair.pop().account for _ in range(300))
    assert abs(turns["b"] - 200) <= 1


def test_a_caller_who_comes_back_at_once_has_no_more_than_its_share():
    fair: Fair[Place] = Fair()
    backlog(fair, 300, account="a", weight=3.0)
    fair.add(Place("b"))
    turns: Counter[str] = Counter()
    for _ in range(200):
        one = fair.pop()
        turns[one.account] += 1
        if one.account == "b":
            fair.add(Place("b"))
    assert abs(turns["a"] - 150) <= 1


def test_an_endless_row_of_newcomers_keeps_nobody_out():
    fair: Fair[Place] = Fair()
    patient = [Place("patient", number) for number in range(2)]
    fair.add(patient[0])
    fair.add(patient[1])
    assert fair.pop() is patient[0]
    turns = 0
    fair.add(Place("stranger 0"))
    while patient[1] in list(fair):
        fair.pop()
        turns += 1
        fair.add(Place(f"stranger {turns}"))
    assert turns <= 66


def test_persons_behind_one_caller_take_turns():
    fair: Fair[Place] = Fair()
    backlog(fair, 10, account="ui", person="ann")
    backlog(fair, 3, account="ui", person="ben")
    assert [fair.pop().person for _ in range(7)] == ["ann", "ben"] * 3 + ["ann"]


def test_a_persons_many_requests_take_nothing_from_another_caller():
    fair: Fair[Place] = Fair()
    for person in "pqrst":
        backlog(fair, 10, account="many", person=person)
    backlog(fair, 50, account="one")
    assert Counter(fair.pop().account for _ in range(40)) == {"many": 20, "one": 20}


def test_batch_waits_for_interactive_but_not_for_ever():
    fair: Fair[Place] = Fair()
    backlog(fair, 100, account="a", batch=True)
    backlog(fair, 100, account="b")
    turns = [fair.pop().batch for _ in range(80)]
    assert turns.count(True) == 10
    assert turns[: BATCH_EVERY + 1] == [False] * BATCH_EVERY + [True]


def test_batch_has_every_turn_nobody_else_wants():
    fair: Fair[Place] = Fair()
    backlog(fair, 5, account="a", batch=True)
    assert [one.number for one in drained(fair)] == [0, 1, 2, 3, 4]


def test_the_newest_of_the_caller_with_most_is_found_across_priorities_and_persons():
    fair: Fair[Place] = Fair()
    for number in range(4):
        fair.add(Place("most", number, person=f"p{number % 3}", batch=number == 3))
    fair.add(Place("few", 9))
    assert fair.newest_of_most().number == 3


def test_what_is_remembered_of_callers_is_bounded():
    fair: Fair[Place] = Fair()
    backlog(fair, 2, account="stays")
    for number in range(5000):
        fair.add(Place(f"caller {number}", number))
        fair.pop()
        if len(fair) < 2:
            fair.add(Place("stays"))
    assert len(fair._interactive._debts) <= 1024
