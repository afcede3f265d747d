"""The key that a gateway makes for itself at its first start."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from _llamagate.accounts.made_key import kept_key, made_key
from _llamagate.config import ConfigError


def test_a_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    file = tmp_path / "data" / "admin.key"
    assert kept_key(file) == ""
    key, now = made_key(file)
    assert now
    assert re.fullmatch(r"lg-[A-Za-z0-9_-]{32}", key)
    assert made_key(file) == (key, False)
    assert kept_key(file) == key


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "data" / "admin.key"
    made_key(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_gateways_that_start_together_agree_on_one(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(made_key, [file] * 8))
    assert len({key for key, _ in found}) == 1
    assert [now for _, now in found].count(True) == 1


def test_a_file_system_without_hard_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    file = tmp_path / "admin.key"
    key, now = made_key(file)
    assert now
    assert made_key(file) == (key, False)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "admin.key"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"DATA_DIR: .*admin\.key"):
        made_key(file)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to("nowhere")
    with pytest.raises(ConfigError, match=r"DATA_DIR: .*data .*make the folder writable"):
        made_key(tmp_path / "data" / "admin.key")
