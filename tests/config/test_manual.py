"""The manual agrees with the table, and its examples with the reader."""

import re
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from _llamagate.config import GROUPS, SETTINGS, load
from _llamagate.config.manual import configuration_page, env_example

ROOT = Path(__file__).parents[2]
REMAKE = "rewrite it with: python -m scripts.manual"


def test_env_example_is_current() -> None:
    assert (ROOT / ".env.example").read_text("utf-8") == env_example(), REMAKE


def test_the_configuration_page_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert page == configuration_page(), REMAKE


def test_every_setting_is_in_the_manual_once() -> None:
    names = re.findall(r"^#([A-Z_]+)=", env_example(), re.MULTILINE)
    assert sorted(names) == sorted(row.name for row in SETTINGS.values())
    assert {row.group for row in SETTINGS.values()} == set(GROUPS)


def test_env_example_changes_nothing_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(env_example())
    assert set(load({}, tmp_path).sources.values()) == {"default"}


def test_every_default_in_env_example_can_be_taken_literally(tmp_path: Path) -> None:
    lines = re.findall(r"^#([A-Z_]+=.*)$", env_example(), re.MULTILINE)
    (tmp_path / ".env").write_text("\n".join(lines))
    assert len(dotenv_values(stream=StringIO("\n".join(lines)))) == len(SETTINGS)
    config = load({}, tmp_path)
    default = load({}, tmp_path / "elsewhere")
    for attribute in SETTINGS:
        if attribute not in ("data_dir", "tokens_file"):
            assert getattr(config, attribute) == getattr(default, attribute)


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", configuration_page(), re.DOTALL))
def test_every_toml_example_is_understood(tmp_path: Path, block: str) -> None:
    (tmp_path / "llamagate.toml").write_text(block)
    assert load({}, tmp_path).warnings == ()
