"""Keys tried in vain, counted by the network they come from."""

import pytest

from _llamagate.accounts.guesses import A_MINUTE, Guesses
from _llamagate.errors import TooMany


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def guess_until_refused(guesses: Guesses, address: str) -> tuple[int, TooMany]:
    for count in range(100):
        try:
            guesses.count(address)
        except TooMany as refusal:
            return count, refusal
    raise AssertionError("never refused")


def test_ten_guesses_pass_and_the_next_one_has_to_wait() -> None:
    clock = Clock()
    guesses = Guesses(clock=clock)
    count, refusal = guess_until_refused(guesses, "192.0.2.1")
    assert count == A_MINUTE == 10
    assert refusal.retry_after == 6
    clock.now += refusal.retry_after
    guesses.count("192.0.2.1")


def test_after_a_minute_of_silence_all_ten_are_back() -> None:
    clock = Clock()
    guesses = Guesses(clock=clock)
    guess_until_refused(guesses, "192.0.2.1")
    clock.now += 60
    assert guess_until_refused(guesses, "192.0.2.1")[0] == 10


def test_ipv4_counts_by_address_and_ipv6_by_64() -> None:
    guesses = Guesses(clock=Clock())
    guess_until_refused(guesses, "192.0.2.1")
    guess_until_refused(guesses, "2001:db8:1:2::1")
    for same in ("::ffff:192.0.2.1", "2001:db8:1:2:ffff::9", "2001:DB8:1:2::1%eth0"):
        with pytest.raises(TooMany):
            guesses.count(same)
    for other in ("192.0.2.2", "2001:db8:1:3::1", ""):
        guesses.count(other)


def test_only_the_latest_guessers_are_kept() -> None:
    guesses = Guesses(kept=3, clock=Clock())
    guess_until_refused(guesses, "192.0.2.1")
    for other in ("192.0.2.2", "192.0.2.3"):
        guesses.count(other)
    with pytest.raises(TooMany):
        guesses.count("192.0.2.1")
    for other in ("192.0.2.4", "192.0.2.5", "192.0.2.6"):
        guesses.count(other)
    assert guess_until_refused(guesses, "192.0.2.1")[0] == 10
