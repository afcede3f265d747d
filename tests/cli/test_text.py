"""Tables and amounts, as people read them."""

import pytest

from _llamagate.cli.text import columns, plain, size, span, table


def test_a_table_has_columns_as_wide_as_they_must_be() -> None:
    rows = [("llama3.1:8b", "4.9 GB"), ("qwen3", "")]
    assert table(("MODEL", "SIZE"), rows, right=("SIZE",)) == [
        "MODEL          SIZE",
        "llama3.1:8b  4.9 GB",
        "qwen3             -",
    ]


def test_wide_letters_take_two_columns_and_accents_none() -> None:
    assert columns("日本") == 4
    assert columns("e\u0301") == 1
    first, second = table(("A", "B"), [("日本", "x")])
    assert columns(first.partition("B")[0]) == columns(second.partition("x")[0])


@pytest.mark.parametrize("text", ["\x1b[2J", "two\nlines", "\u202eturned", "bell\x07", "\x9b1m"])
def test_nothing_that_moves_a_cursor_is_shown(text: str) -> None:
    assert plain(text).isprintable()
    assert "?" in plain(text)


def test_what_is_too_long_is_cut() -> None:
    assert plain("x" * 100, 10) == "xxxxxxx..."
    assert columns(plain("日" * 100, 10)) <= 10


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (810_656, "811 kB"),
        (999_600, "1 MB"),
        (4_661_224_676, "4.66 GB"),
        (43_000_000_000, "43 GB"),
        (1.5e12, "1.5 TB"),
        (2e16, "2e+04 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (86399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
        (8_640_000, "100 d"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert span(seconds) == text
