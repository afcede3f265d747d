"""When a model on an engine is left alone, and when it is tried again."""

from _llamagate.engines.breaker import Breaker


def broken(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(3):
        breaker.failed(now)
    return breaker


def test_three_failures_in_a_row_open_it():
    breaker = Breaker()
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.closed
    breaker.failed(0)
    assert not breaker.closed


def test_a_success_between_them_counts_from_the_start():
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0)
        breaker.failed(0)
        breaker.succeeded()
    assert breaker.closed


def test_a_grave_failure_opens_it_at_once():
    breaker = Breaker()
    breaker.failed(0, gravely=True)
    assert not breaker.closed


def test_one_request_is_let_through_when_the_hold_is_over():
    breaker = broken(now=0)
    assert not breaker.admits_trial(0.9)
    assert breaker.admits_trial(1.0)
    assert not breaker.admits_trial(1.1)
    breaker.succeeded()
    assert breaker.closed


def test_a_trial_nobody_made_use_of_is_offered_again():
    breaker = broken(now=0)
    assert breaker.admits_trial(1.0)
    assert breaker.admits_trial(2.0)


def test_after_a_single_failure_it_is_tried_again_though_it_is_closed():
    breaker = Breaker()
    assert not breaker.admits_trial(0)
    breaker.failed(0)
    assert breaker.closed
    assert not breaker.admits_trial(0.9)
    assert breaker.admits_trial(1.0)
    breaker.succeeded()
    assert not breaker.admits_trial(9)


def test_failures_of_requests_from_before_it_opened_do_not_prolong_it():
    breaker = broken(now=0)
    for _ in range(20):
        breaker.failed(0.5)
    assert breaker.admits_trial(1.0)


def test_whatever_comes_back_is_tried_within_ten_seconds():
    breaker = broken(now=0)
    now = 0.0
    for _ in range(20):
        began = now
        while not breaker.admits_trial(now):
            now += 0.1
        assert now - began < 6
        breaker.failed(now)
