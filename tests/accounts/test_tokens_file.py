"""tokens.json: found, read again when it changes, and broken."""

import json
import logging
import os
from pathlib import Path

import pytest

from _llamagate.accounts.credential import fingerprint
from _llamagate.accounts.tokens_file import TokensFile

ANN, BOB = "token-of-ann", "token-of-bob"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))


def settle(path: Path) -> None:
    """As if it had been written a while ago."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns - 10_000_000_000))


def test_a_file_says_whose_a_token_is(path: Path) -> None:
    write(path, {"ann": ANN, "bob": BOB})
    assert TokensFile([path]).names() == {fingerprint(ANN): "ann", fingerprint(BOB): "bob"}


def test_a_file_may_begin_with_the_mark_that_windows_editors_leave(path: Path) -> None:
    path.write_text(json.dumps({"ann": ANN}), "utf-8-sig")
    assert list(TokensFile([path]).names().values()) == ["ann"]


def test_a_change_counts_from_the_next_look_on(path: Path) -> None:
    tokens = TokensFile([path])
    assert not tokens.counts
    write(path, {"ann": ANN})
    assert tokens.counts
    assert list(tokens.names().values()) == ["ann"]
    write(path, {"bob": BOB})  # as long as before, and perhaps within the same tick
    assert list(tokens.names().values()) == ["bob"]


def test_a_file_that_rests_is_not_read_again(path: Path) -> None:
    write(path, {"ann": ANN})
    settle(path)
    tokens = TokensFile([path])
    assert tokens.names() is tokens.names()


def test_a_file_put_in_place_of_another_of_the_same_age_and_size_is_seen(path: Path) -> None:
    write(path, {"ann": ANN})
    settle(path)
    tokens = TokensFile([path])
    assert list(tokens.names().values()) == ["ann"]
    other = path.with_name("new")
    write(other, {"bob": BOB})
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    other.replace(path)
    assert list(tokens.names().values()) == ["bob"]


def test_a_file_that_is_gone_lets_nobody_in_and_still_counts(path: Path) -> None:
    write(path, {"ann": ANN})
    tokens = TokensFile([path])
    tokens.names()
    path.unlink()
    assert tokens.names() == {}
    assert tokens.counts


def test_an_empty_object_lets_nobody_in(path: Path) -> None:
    write(path, {"ann": ANN})
    tokens = TokensFile([path])
    tokens.names()
    write(path, {})
    assert tokens.names() == {}


def test_only_a_named_file_counts_before_it_is_there(path: Path) -> None:
    assert TokensFile([path], named=True).counts
    assert TokensFile([path], named=True).names() == {}
    assert not TokensFile([path]).counts


def test_the_first_file_found_is_the_file_from_then_on(tmp_path: Path) -> None:
    near, far = tmp_path / "near.json", tmp_path / "far.json"
    tokens = TokensFile([near, far])
    write(far, {"ann": ANN})
    assert list(tokens.names().values()) == ["ann"]
    write(near, {"bob": BOB})
    far.unlink()
    assert tokens.names() == {}
    assert list(TokensFile([near, far]).names().values()) == ["bob"]


BROKEN = {
    "empty": "",
    "half written": '{"ann": "tok',
    "deeply nested": "[" * 100_000,
    "not UTF-8": b'{"ann": "\xff\xff\xff\xff\xff\xff\xff\xff"}',
    "a list": f'["{ANN}"]',
    "a word": f'"{ANN}"',
    "a list of pairs": f'[["ann", "{ANN}"]]',
    "an empty token": '{"ann": ""}',
    "a short token": '{"ann": "1234567"}',
    "a number": '{"ann": 123456789}',
    "an object for a token": '{"ann": {"token-of-": "ann"}}',
    "a null": '{"ann": null}',
    "no name": f'{{"": "{ANN}"}}',
    "a token twice": f'{{"ann": "{ANN}", "bob": "{ANN}"}}',
    "a name twice": f'{{"ann": "{ANN}", "ann": "{BOB}"}}',
    "one good, one bad": f'{{"bob": "{BOB}", "eve": "short"}}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_keeps_the_last_good_one_and_is_logged_once(
    path: Path, content: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, {"ann": ANN})
    tokens = TokensFile([path])
    good = tokens.names()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert tokens.names() == tokens.names() == good
    warnings = [line for line in caplog.records if line.levelno >= logging.WARNING]
    assert [line.message for line in warnings] == ["tokens_file_broken"]
    facts = str(warnings[0].__dict__)
    assert str(path) in facts
    assert not any(secret in facts for secret in ('tok"', ANN, BOB, "1234567", 'short"'))


def test_a_file_broken_from_the_start_lets_nobody_in(path: Path) -> None:
    path.write_text("{")
    tokens = TokensFile([path])
    assert tokens.counts
    assert tokens.names() == {}


def test_a_mended_file_counts_again(path: Path) -> None:
    path.write_text("{")
    tokens = TokensFile([path])
    tokens.names()
    write(path, {"ann": ANN})
    assert list(tokens.names().values()) == ["ann"]


def test_a_folder_in_its_place_is_a_broken_file(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    assert TokensFile([path]).names() == {}
    assert [line.message for line in caplog.records] == ["tokens_file_broken"]


def test_a_path_through_a_file_is_a_broken_file(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("")
    assert TokensFile([path / "tokens.json"], named=True).names() == {}
    assert [line.message for line in caplog.records] == ["tokens_file_broken"]
