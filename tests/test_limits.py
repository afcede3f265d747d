"""The leaky bucket, held against a model of one."""

import asyncio
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.config import RateLimit
from _llamagate.errors import TooMany
from _llamagate.limits import SECOND, Allowance, Limits, headers

TEN = RateLimit(rate=10, capacity=10)
INFERENCE = RateLimit(rate=1, capacity=10)  # 60/minute burst 10
EGOLLAMA = RateLimit(rate=100 / 3600, capacity=100)  # 100/hour


class Clock:
    """Nanoseconds, as many as a machine counts that has been up for a month."""

    def __init__(self) -> None:
        self.now = 30 * 24 * 3600 * SECOND + 123_456_789

    def __call__(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def passes(limits: Limits, account: str = "ann", surface: str = "") -> bool:
    try:
        limits.take(account, surface)
    except TooMany:
        return False
    return True


def take_all(limits: Limits, account: str = "ann", surface: str = "") -> int:
    """How many pass until one does not."""
    return next(count for count in range(10_000) if not passes(limits, account, surface))


def refusal(limits: Limits, account: str = "ann", surface: str = "") -> TooMany:
    with pytest.raises(TooMany) as caught:
        limits.take(account, surface)
    return caught.value


# ---------------------------------------------------------------- one bucket


@pytest.mark.parametrize(
    ("limit", "at_once", "seconds_for_one_more"),
    [
        (TEN, 10, 0.1),
        (INFERENCE, 10, 1),
        (EGOLLAMA, 100, 36),
        (RateLimit(0.5, 1), 1, 2),
        (RateLimit(3, 3), 3, 0.333333333),
        (RateLimit(1.5, 1.5), 1, 0.333333334),  # the half that was left, and a sixth of a second
    ],
)
def test_a_bucket_holds_its_capacity_and_then_lets_one_through_for_each_that_drained(
    limit: RateLimit, at_once: int, seconds_for_one_more: float, clock: Clock
) -> None:
    limits = Limits(limit, clock=clock)
    assert take_all(limits) == at_once
    clock.now += round(seconds_for_one_more * SECOND) - 2
    assert not passes(limits)
    clock.now += 2
    assert passes(limits)
    assert not passes(limits)


@pytest.mark.parametrize(
    ("limit", "seconds"), [(TEN, 1), (INFERENCE, 1), (EGOLLAMA, 36), (RateLimit(0.3, 1), 4)]
)
def test_a_client_that_waits_as_long_as_it_was_told_gets_through(
    limit: RateLimit, seconds: int, clock: Clock
) -> None:
    limits = Limits(limit, clock=clock)
    take_all(limits)
    assert refusal(limits).retry_after == seconds
    clock.wait(seconds)
    assert passes(limits)


def test_a_refused_request_costs_nothing(clock: Clock) -> None:
    limits = Limits(RateLimit(1, 1), clock=clock)
    limits.take("ann")
    for _ in range(100):
        assert not passes(limits)
    clock.wait(1)
    assert passes(limits)


def test_an_account_that_rested_has_its_capacity_and_no_more(clock: Clock) -> None:
    limits = Limits(TEN, clock=clock)
    take_all(limits)
    clock.wait(24 * 3600)
    assert take_all(limits) == 10


def test_accounts_do_not_share(clock: Clock) -> None:
    limits = Limits(TEN, clock=clock)
    take_all(limits, "ann")
    assert take_all(limits, "bob") == 10


def test_a_refusal_says_what_the_limit_is_and_when_to_come_back(clock: Clock) -> None:
    limits = Limits(EGOLLAMA, clock=clock)
    take_all(limits)
    message = refusal(limits).message
    assert message.startswith("Rate limit exceeded")
    assert "100 requests" in message and "36 s" in message


async def test_of_requests_that_arrive_together_no_more_pass_than_may() -> None:
    limits = Limits(RateLimit(0.001, 50))

    async def call(number: int) -> bool:
        await asyncio.sleep(number % 7 / 1000)
        return passes(limits)

    assert sum(await asyncio.gather(*map(call, range(200)))) == 50


rates = st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0, 10.0, 1000.0])  # a whole number of ns each
pauses = st.integers(0, 3 * SECOND) | st.integers(0, 60 * SECOND)
steps = st.lists(st.tuples(st.sampled_from("ab"), pauses), max_size=60)


@given(rates, st.integers(2, 24), steps)
def test_the_bucket_does_what_a_bucket_of_water_does(
    rate: float, halves: int, steps: list[tuple[str, int]]
) -> None:
    capacity = Fraction(halves, 2)
    clock = Clock()
    limits = Limits(RateLimit(rate, float(capacity)), clock=clock)
    water = dict.fromkeys("ab", Fraction(0))
    for account, nanoseconds in steps:
        clock.now += nanoseconds
        drained = Fraction(rate) * nanoseconds / SECOND
        water = {name: max(Fraction(0), level - drained) for name, level in water.items()}
        fits = water[account] + 1 <= capacity
        assert passes(limits, account) == fits
        water[account] += fits
        assert limits.look(account).remaining == int(capacity - water[account])


@given(
    st.floats(0.001, 1e6),
    st.floats(1, 1000),
    st.lists(st.integers(0, 10 * SECOND), min_size=1, max_size=60),
)
def test_no_stretch_of_time_sees_more_than_capacity_and_what_drained_in_it(
    rate: float, capacity: float, pauses: list[int]
) -> None:
    clock = Clock()
    limits = Limits(RateLimit(rate, capacity), clock=clock)
    began, passed = clock.now, 0
    for pause in pauses:
        clock.now += pause
        passed += passes(limits) + passes(limits)
        elapsed = (clock.now - began) / SECOND
        # A rate is kept as whole nanoseconds per request, half of one off at most.
        assert passed <= capacity + rate * elapsed * (1 + rate / SECOND) + 1e-6


# ---------------------------------------------------------------- surfaces


def test_a_surface_has_the_limit_its_document_gives_it(clock: Clock) -> None:
    limits = Limits(TEN, surfaces={"inference": INFERENCE, "egollama": EGOLLAMA}, clock=clock)
    assert take_all(limits, surface="inference") == 10
    assert take_all(limits, surface="egollama") == 100
    assert take_all(limits, surface="llamagate") == 10
    clock.wait(1)
    assert take_all(limits, surface="inference") == 1
    assert take_all(limits, surface="llamagate") == 10


def test_surfaces_without_a_limit_of_their_own_share_a_bucket(clock: Clock) -> None:
    limits = Limits(TEN, surfaces={"inference": INFERENCE}, clock=clock)
    assert take_all(limits, surface="llamagate") == 10
    assert not passes(limits, surface="ollama")
    assert not passes(limits)


def test_what_the_operator_set_replaces_every_documented_default(clock: Clock) -> None:
    limits = Limits(RateLimit(2, 2), explicit=True, surfaces={"egollama": EGOLLAMA}, clock=clock)
    assert take_all(limits, surface="egollama") == 2
    assert not passes(limits, surface="llamagate")


# ---------------------------------------------------------------- memory


def test_a_flood_of_new_accounts_empties_nobodys_bucket(clock: Clock) -> None:
    limits = Limits(RateLimit(0.01, 2), kept=10, clock=clock)
    take_all(limits, "ann")
    for number in range(1000):
        passes(limits, f"stranger {number}")
        clock.wait(0.05)
        assert not passes(limits, "ann")


def test_a_full_bucket_is_remembered_until_it_has_drained(clock: Clock) -> None:
    limits = Limits(RateLimit(1, 10), clock=clock)
    for began in range(25):  # whenever in the round of dropping it is that it was filled
        account = f"filled after {began} s"
        assert take_all(limits, account) == 10
        for _ in range(9):
            clock.wait(0.5)
            assert limits.look(account).remaining < 5
        clock.wait(2.3)


def test_newcomers_without_room_share_a_bucket_until_there_is_room(clock: Clock) -> None:
    limits = Limits(RateLimit(1, 2), kept=3, clock=clock)
    for account in ("ann", "bob", "eve"):
        assert passes(limits, account)
    assert passes(limits, "newcomer 1")
    assert passes(limits, "newcomer 2")
    assert not passes(limits, "newcomer 3")
    assert passes(limits, "ann")
    clock.wait(2)
    assert passes(limits, "ann")  # the others' time begins to run out
    clock.wait(2)
    for account in ("newcomer 1", "newcomer 2"):
        assert take_all(limits, account) == 2


def test_an_account_that_stays_takes_the_room_of_one(clock: Clock) -> None:
    limits = Limits(RateLimit(1, 1), kept=2, clock=clock)
    assert passes(limits, "ann")
    clock.wait(1)
    assert passes(limits, "ann")
    assert passes(limits, "bob")
    assert passes(limits, "newcomer")  # would be refused if it shared with bob


def test_accounts_that_went_away_leave_room_for_others(clock: Clock) -> None:
    limits = Limits(TEN, kept=100, clock=clock)
    for number in range(10_000):
        assert take_all(limits, f"account {number}") == 10
        clock.wait(0.1)


# ---------------------------------------------------------------- what a client is told


def test_an_allowance_counts_down_and_recovers(clock: Clock) -> None:
    limits = Limits(INFERENCE, clock=clock)
    assert limits.look("ann") == Allowance(limit=10, remaining=10, reset=0)
    assert limits.take("ann") == Allowance(limit=10, remaining=9, reset=1)
    for _ in range(9):
        last = limits.take("ann")
    assert last == limits.look("ann") == Allowance(limit=10, remaining=0, reset=10)
    clock.wait(2.5)
    assert limits.look("ann") == Allowance(limit=10, remaining=2, reset=8)


@pytest.mark.parametrize(
    ("seconds", "spelt"),
    [(0, "0s"), (1, "1s"), (59, "59s"), (60, "1m0s"), (360, "6m0s"), (3600, "1h0m0s")],
)
def test_headers_are_openais(seconds: int, spelt: str) -> None:
    assert headers(Allowance(10, 7, seconds)) == (
        ("x-ratelimit-limit-requests", "10"),
        ("x-ratelimit-remaining-requests", "7"),
        ("x-ratelimit-reset-requests", spelt),
    )
