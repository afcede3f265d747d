"""How many an engine runs side by side is found out, from the outside, by the queue itself."""

import random
from collections.abc import Callable

import pytest

from _llamagate.exchange import Caller
from tests.queue.simulation import KEY, Simulation


def learning(
    parallel: int, clients: int, seed: int = 0, spread: float = 0.05, first: float = 0.0
) -> Simulation:
    """A queue that has to find out, `clients` that ask without end, answers of about 1 s."""
    chance = random.Random(seed)
    extra = [first]
    simulation = Simulation(
        slots=None,
        parallel=parallel,
        service=lambda: (extra.pop() if extra else 0) + chance.uniform(1 - spread, 1 + spread),
    )
    for number in range(clients):
        simulation.keep_asking(Caller(f"client {number}"), pause=lambda: chance.uniform(0, 0.01))
    return simulation


def found(simulation: Simulation) -> int:
    return simulation.queue.load(KEY).slots


@pytest.mark.parametrize("clients", [5, 6, 8, 16, 64])
@pytest.mark.parametrize("seed", range(10))
def test_an_engine_that_runs_four_is_found_out_within_sixty_and_never_gets_six(clients, seed):
    simulation = learning(4, clients, seed)
    simulation.run(answers=60)
    assert simulation.inside_log[40:].count(4) >= 10
    simulation.run(answers=1000)
    assert simulation.peak == 5
    assert simulation.inside_log[60:].count(4) > 600


@pytest.mark.parametrize("clients", [2, 3, 8, 64])
@pytest.mark.parametrize("seed", range(10))
def test_an_engine_that_runs_one_gets_a_second_only_now_and_then(clients, seed):
    simulation = learning(1, clients, seed)
    simulation.run(answers=500)
    assert simulation.peak == 2
    assert simulation.inside_log.count(1) > 0.8 * len(simulation.inside_log)


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 2), (2, 6)])
@pytest.mark.parametrize("seed", range(5))
def test_a_change_of_the_engine_is_followed_within_a_hundred(before, after, seed):
    simulation = learning(before, 12, seed)
    simulation.run(answers=100)
    simulation.parallel = after
    simulation.run(answers=200)
    assert abs(found(simulation) - after) <= 1
    simulation.run(answers=300)
    assert simulation.inside_log[200:].count(after) >= 50


@pytest.mark.parametrize("seed", range(5))
def test_loading_the_model_does_not_look_like_a_slow_engine(seed):
    simulation = learning(1, 8, seed, first=10.0)
    simulation.run(answers=300)
    assert simulation.peak == 2


def test_answers_of_very_different_lengths_lead_to_caution_not_to_ever_more():
    chance = random.Random(1)
    simulation = Simulation(slots=None, parallel=1, service=lambda: chance.lognormvariate(0, 0.6))
    for number in range(16):
        simulation.keep_asking(Caller(f"client {number}"))
    simulation.run(answers=2000)
    assert simulation.peak <= 4
    assert found(simulation) <= 2


def test_without_anybody_waiting_nothing_is_tried():
    simulation = learning(4, 1)
    simulation.run(answers=300)
    assert simulation.peak == 1


def test_a_trial_that_too_few_take_part_in_ends():
    one = Simulation(slots=None, parallel=4)
    rush(one, [Caller("a"), Caller("b"), Caller("c")], rounds=2)
    assert one.queue.load(KEY).running == 0
    assert found(one) <= 2


def test_an_engine_that_answers_at_once_has_no_line():
    simulation = Simulation(slots=None, service=lambda: 0.0005)
    for number in range(50):
        simulation.keep_asking(Caller(f"client {number}"), pause=lambda: 0.0001)
    simulation.run(answers=300)
    assert simulation.queue.load(KEY).waiting == 0
    simulation.service = lambda: 1.0
    simulation.run(answers=600)
    assert found(simulation) < 50


def rush(simulation: Simulation, callers: list[Caller], rounds: int) -> None:
    def enter(caller: Caller) -> Callable[[], object]:
        return lambda: simulation.request(caller)

    for number in range(rounds):
        for caller in callers:
            simulation.at(number * 10.0, enter(caller))
    simulation.run()
