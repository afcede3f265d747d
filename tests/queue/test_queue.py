"""The line as the gateway meets it: enter, wait, leave, and what a crowd does to a single one."""

import asyncio
import random
from statistics import quantiles

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _llamagate.errors import QueueFull, WaitedTooLong
from _llamagate.exchange import Caller
from _llamagate.queue import Queue, Turn
from tests.queue.simulation import KEY, Simulation

ANN = Caller("ann")
BEN = Caller("ben")


def queue(slots: int = 1, limit: int = 256, timeout: float = 60.0) -> Queue:
    return Queue(lambda key: slots, limit, timeout)


# ---------------------------------------------------------------- what holds whatever happens

actions = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from("abcde"), st.booleans()),
        st.tuples(st.just("leave"), st.integers(0, 1000), st.booleans()),
    ),
    max_size=80,
)


@given(actions, st.integers(1, 4), st.integers(0, 10))
@settings(max_examples=200)
def test_no_slot_is_free_while_somebody_waits_and_no_line_is_longer_than_its_limit(
    script, slots, limit
):
    line = queue(slots, limit)
    turns: list[Turn] = []
    for action, which, flag in script:
        if action == "enter":
            caller = Caller(which, priority="batch" if flag else "interactive")
            try:
                turns.append(line.enter(KEY, caller))
            except QueueFull as full:
                assert full.retry_after >= 1
        elif turns:
            turn = turns[which % len(turns)]
            turn.leave(1.0 if flag and turn.ready else None)
        load = line.load(KEY)
        assert load.running <= slots
        assert load.waiting <= limit
        assert load.running == slots or load.waiting == 0
    for turn in turns:
        turn.leave()
    assert line.snapshot() == []


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_whoever_stays_is_served_whatever_the_others_do(leaving):
    line = queue(slots=2)
    stays = [line.enter(KEY, Caller(f"caller {number % 7}")) for number in range(30)]
    others = [line.enter(KEY, Caller(f"caller {number % 5}")) for number in range(30)]
    for which in leaving:
        others[which % len(others)].leave()
    served: set[int] = set()
    for _ in range(80):
        for turn in [*stays, *others]:
            if turn.ready:
                served.add(id(turn))
                turn.leave()
    assert all(id(turn) in served for turn in stays)


# ---------------------------------------------------------------- a light caller beside a heavy one


def waits_of_light(backlog: int, slots: int) -> list[float]:
    """Waits, in service times, of five callers who ask now and then while one keeps so many
    waiting."""
    chance = random.Random(3)
    simulation = Simulation(slots=slots, service=lambda: chance.uniform(0.8, 1.2))
    for _ in range(backlog + slots):
        simulation.keep_asking(Caller("heavy"))
    for number in range(5):
        simulation.keep_asking(Caller(f"light {number}"), lambda: chance.expovariate(1 / 20))
    simulation.run(until=2000)
    return [wait for name, waits in simulation.waits.items() if name != "heavy" for wait in waits]


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_light_callers_wait_at_most_two_service_times_beside_two_hundred_of_one(slots):
    waits = waits_of_light(200, slots)
    assert len(waits) > 300
    assert quantiles(waits, n=20)[-1] <= 2.0


@pytest.mark.parametrize("slots", [1, 4])
def test_a_light_callers_wait_does_not_grow_with_the_backlog_of_a_heavy_one(slots):
    assert waits_of_light(200, slots) == waits_of_light(5, slots)


def test_heavy_callers_share_by_weight():
    simulation = Simulation(slots=2)
    for _ in range(20):
        simulation.keep_asking(Caller("basic"))
        simulation.keep_asking(Caller("premium", weight=2.0))
    simulation.run(answers=600)
    assert abs(simulation.order[100:].count("premium") / 500 - 2 / 3) < 0.02


# ---------------------------------------------------------------- one turn


async def test_a_free_slot_is_had_at_once():
    turn = queue().enter(KEY, ANN)
    assert (turn.ready, turn.position, turn.expected_ms) == (True, 0, 0)
    await turn.wait()


async def test_who_waits_is_woken_when_a_slot_comes_free():
    line = queue()
    first, second = line.enter(KEY, ANN), line.enter(KEY, BEN)
    assert (second.ready, second.position) == (False, 1)
    waiting = asyncio.ensure_future(second.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    first.leave(0.5)
    await waiting
    assert second.ready


async def test_leaving_twice_gives_back_one_slot():
    line = queue(slots=2)
    first, second = line.enter(KEY, ANN), line.enter(KEY, ANN)
    first.leave(1.0)
    first.leave(1.0)
    assert line.load(KEY).running == 1
    second.leave()
    assert line.load(KEY).running == 0


async def test_a_turn_that_was_granted_to_somebody_who_just_left_goes_to_the_next():
    line = queue()
    first, second, third = (line.enter(KEY, caller) for caller in (ANN, BEN, ANN))
    waiting = asyncio.ensure_future(second.wait())
    await asyncio.sleep(0)
    first.leave()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    second.leave()
    assert third.ready


async def test_waiting_too_long_ends_with_an_honest_time_to_come_back():
    line = queue(timeout=0.03)
    first = line.enter(KEY, ANN)
    first.leave(4.0)  # answers take four seconds here
    line.enter(KEY, ANN)
    late = line.enter(KEY, BEN)
    with pytest.raises(WaitedTooLong) as raised:
        await late.wait()
    assert raised.value.retry_after == 4
    assert line.load(KEY).waiting == 0


async def test_places_are_told_at_entry_and_when_they_change():
    line = queue()
    turns = [line.enter(KEY, ANN) for _ in range(4)]
    turns[0].leave(2.0)
    told = []

    async def listen() -> None:
        async for place in turns[3].places(every=0.01):
            told.append(place)

    listening = asyncio.ensure_future(listen())
    for turn in turns[1:3]:
        await asyncio.sleep(0.03)
        turn.leave()
    await listening
    assert [place for place, _ in told] == [3, 2, 1]
    assert all(expected > 0 for _, expected in told)


async def test_nothing_is_told_to_who_need_not_wait():
    turn = queue().enter(KEY, ANN)
    assert [place async for place in turn.places()] == []


# ---------------------------------------------------------------- a full line


async def test_a_light_caller_takes_the_place_of_the_newest_of_the_one_with_most():
    line = queue(limit=3)
    running, *waiting = [line.enter(KEY, ANN) for _ in range(4)]
    failing = asyncio.ensure_future(waiting[-1].wait())
    await asyncio.sleep(0)
    light = line.enter(KEY, BEN)
    with pytest.raises(QueueFull):
        await failing
    waiting[-1].leave()
    assert light.position == 1
    assert line.load(KEY).waiting == 3
    running.leave()
    assert light.ready


def test_the_caller_with_most_is_refused_itself():
    line = queue(limit=2)
    for _ in range(3):
        line.enter(KEY, ANN)
    with pytest.raises(QueueFull, match="QUEUE_LIMIT"):
        line.enter(KEY, ANN)


def test_one_who_was_displaced_before_looking_learns_it():
    line = queue(limit=1)
    line.enter(KEY, ANN)
    displaced = line.enter(KEY, ANN)
    line.enter(KEY, BEN)
    assert isinstance(displaced.error, QueueFull)


def test_without_a_line_only_a_free_slot_helps():
    line = queue(limit=0)
    turn = line.enter(KEY, ANN)
    with pytest.raises(QueueFull):
        line.enter(KEY, BEN)
    turn.leave()
    assert line.enter(KEY, BEN).ready


def test_retry_after_follows_how_fast_the_line_drains():
    clock = [0.0]
    line = Queue(lambda key: 2, 10, 120.0, lambda: clock[0])
    line.enter(KEY, ANN).leave(6.0)
    for _ in range(12):
        line.enter(KEY, ANN)
    with pytest.raises(QueueFull) as raised:
        line.enter(KEY, ANN)
    # Half of the ten, two at a time, six seconds each.
    assert raised.value.retry_after == 18


# ---------------------------------------------------------------- what others see of it


def test_the_load_tells_what_a_newcomer_would_wait():
    clock = [0.0]
    line = Queue(lambda key: 2, 256, 120.0, lambda: clock[0])
    assert line.load(KEY).expected_ms == 0
    line.enter(KEY, ANN).leave(10.0)
    for _ in range(3):
        line.enter(KEY, ANN)
    clock[0] = 4.0
    load = line.load(KEY)
    assert (load.running, load.slots, load.waiting, load.expected_ms) == (2, 2, 1, 6000)


def test_a_snapshot_names_who_runs_and_who_waits_in_the_order_of_their_turns():
    clock = [0.0]
    line = Queue(lambda key: 1, 256, 120.0, lambda: clock[0])
    for caller in (ANN, ANN, BEN, Caller("night", priority="batch")):
        line.enter(KEY, caller, person="p")
    clock[0] = 3.0
    (state,) = line.snapshot()
    assert (state.engine, state.model, state.slots, state.learned) == (*KEY, 1, False)
    assert [(one.caller, one.seconds) for one in state.running] == [("ann", 3.0)]
    assert [one.caller for one in state.waiting] == ["ben", "ann", "night"]
    assert state.waiting[-1].priority == "batch"


def test_more_slots_are_given_out_at_once():
    line = queue(slots=1)
    turns = [line.enter(KEY, ANN) for _ in range(3)]
    line.replace(lambda key: 3)
    assert all(turn.ready for turn in turns)


def test_lines_that_nobody_uses_are_forgotten():
    line = queue()
    kept = line.enter(("engine", "kept"), ANN)
    for number in range(3000):
        line.enter(("engine", f"model {number}"), ANN).leave(1.0)
    assert line.load(("engine", "kept")).running == 1
    assert len(line._lines) <= 1024
    kept.leave()


def test_keys_of_one_account_share_its_turns():
    line = queue()
    line.enter(KEY, ANN)
    line.enter(KEY, Caller("key one", account="ann"))
    line.enter(KEY, Caller("key two", account="ann"))
    assert line.enter(KEY, BEN).position == 1


def test_slots_that_a_caller_holds_count_as_turns_it_has_had():
    line = queue(slots=3)
    for _ in range(6):
        line.enter(KEY, ANN)
    assert [line.enter(KEY, BEN).position for _ in range(4)] == [1, 2, 3, 5]


# ---------------------------------------------------------------- several engines

A, B, C = ("a", "tiny"), ("b", "tiny"), ("c", "tiny")


def test_the_first_engine_that_is_free_is_taken():
    line = queue()
    assert line.enter_any([A, B], ANN).key == A
    assert line.enter_any([A, B], ANN).key == B


async def test_where_all_are_busy_whichever_comes_free_first_has_the_turn():
    line = queue()
    hung, quick = line.enter(A, ANN), line.enter(B, ANN)
    turn = line.enter_any([A, B], BEN)
    waiting = asyncio.ensure_future(turn.wait())
    await asyncio.sleep(0)
    assert line.waiting() == 1
    quick.leave(1.0)
    await waiting
    assert turn.key == B
    assert line.load(A).waiting == 0
    hung.leave()
    assert line.load(A).running == 0


def test_a_hung_engine_keeps_nobody_from_the_other():
    line = queue()
    line.enter(A, ANN)
    turn = line.enter(B, ANN)
    others = [line.enter_any([A, B], Caller(f"caller {number}")) for number in range(20)]
    for other in others:
        turn.leave(1.0)
        assert (other.ready, other.key) == (True, B)
        turn = other


def test_leaving_early_leaves_every_line():
    line = queue()
    line.enter(A, ANN)
    line.enter(B, ANN)
    turn = line.enter_any([A, B], BEN)
    turn.leave()
    assert line.waiting() == 0
    assert (line.load(A).waiting, line.load(B).waiting) == (0, 0)


def test_the_place_told_is_the_one_whose_turn_is_expected_first():
    clock = [0.0]
    line = Queue(lambda key: 1, 256, 60.0, lambda: clock[0])
    for key, seconds in ((A, 60.0), (B, 1.0)):
        line.enter(key, ANN).leave(seconds)
        line.enter(key, ANN)
    for _ in range(3):
        line.enter(B, BEN)
    turn = line.enter_any([A, B], Caller("cas"))
    assert (turn.position, turn.expected_ms) == (2, 2000)


def test_being_displaced_from_one_line_is_no_harm_while_another_is_left():
    line = queue(limit=1)
    line.enter(A, ANN)
    line.enter(B, ANN)
    both = line.enter_any([A, B], ANN)
    line.enter(A, BEN)
    assert both.error is None
    line.enter(B, BEN)
    assert isinstance(both.error, QueueFull)
    both.leave()


def test_a_full_line_matters_only_if_all_are_full():
    line = queue(limit=1)
    for key in (A, B):
        line.enter(key, ANN)
    line.enter(A, ANN)
    one = line.enter_any([A, B], ANN)
    assert (line.load(A).waiting, line.load(B).waiting) == (1, 1)
    with pytest.raises(QueueFull):
        line.enter_any([A, B], ANN)
    one.leave()


@given(actions, st.integers(1, 2), st.integers(0, 5))
@settings(max_examples=200)
def test_no_engine_is_idle_while_somebody_waits_for_it(script, slots, limit):
    line = queue(slots, limit)
    turns: list[Turn] = []
    for action, which, flag in script:
        if action == "enter":
            keys = [A, B, C][: ord(which) - 96] if flag else [A, B, C][ord(which) % 3 :]
            try:
                turns.append(line.enter_any(keys, Caller(which)))
            except QueueFull:
                assert all(line.load(key).waiting == limit for key in keys)
        elif turns:
            turns[which % len(turns)].leave(1.0 if flag else None)
        for key in (A, B, C):
            load = line.load(key)
            assert load.running <= slots
            assert load.waiting <= limit
            assert load.running == slots or load.waiting == 0
    for turn in turns:
        turn.leave()
    assert line.snapshot() == []


def test_an_answer_that_takes_longer_than_usual_is_taken_to_last_as_long_again():
    clock = [0.0]
    line = Queue(lambda key: 1, 256, 60.0, lambda: clock[0])
    line.enter(KEY, ANN).leave(1.0)
    line.enter(KEY, ANN)
    clock[0] = 30.0
    assert line.load(KEY).expected_ms == 30_000
