"""Retry-After of an engine, which may say anything."""

import pytest

from _llamagate.wires.retry_after import parse_retry_after


def test_seconds_are_read() -> None:
    assert parse_retry_after("120") == 120


@pytest.mark.parametrize("text", ["", "-1", "1.5", "²", "9" * 5000, "Fri, 20 Nov 2026 12:13:16"])
def test_anything_else_says_nothing(text: str) -> None:
    assert parse_retry_after(text) is None
