"""The table of settings, which is also the value that is loaded."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from _llamagate.config import SETTINGS, Config, ConfigError, load


def problems(tmp_path: Path, environ: dict[str, str], **more: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load(environ, tmp_path, **more)
    return "\n".join(refused.value.problems)


def test_no_secret_shows_in_the_repr(tmp_path: Path) -> None:
    (tmp_path / "llamagate.toml").write_text(
        '[[engines]]\nname = "a"\nurl = "http://a"\nkey = "secret-4"\n'
    )
    environ = {"API_KEY": "secret-1", "API_KEYS": "secret-2", "ADMIN_KEY": "secret-3"}
    config = load(environ, tmp_path)
    assert config.engines[0].key == "secret-4"
    assert "secret-" not in repr(config)


def test_the_other_settings_come_in_natural_types(tmp_path: Path) -> None:
    environ = {
        "SURFACE_PORTS": "egollama:8082,ollama:11435",
        "MODEL_ALIASES": "gpt-4=llama3.1:70b",
        "HF_MODELS": "*",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "API_KEYS": "one-key, two-key",
        "MAX_BODY_MB": "1",
        "SLOTS": "4",
        "GENERATE_STYLE": "aigateway",
    }
    config = load(environ, tmp_path)
    assert config.surface_ports == (("egollama", 8082), ("ollama", 11435))
    assert config.aliases == {"gpt-4": ("llama3.1:70b",)}
    assert config.hf_models == ("*",)
    assert config.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert config.api_keys == ("one-key", "two-key")
    assert (config.max_body, config.slots) == (1024 * 1024, 4)
    assert (config.generate_style, config.generate_style_set) == ("aigateway", True)


def test_a_surface_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, {"SURFACE_PORTS": "nosuch:8000"})
    assert "SURFACE_PORTS" in found
    assert "egollama" in found


@pytest.mark.parametrize("attribute", SETTINGS)
def test_every_default_is_what_its_text_says(tmp_path: Path, attribute: str) -> None:
    row = SETTINGS[attribute]
    assert getattr(Config(), attribute) == row.parse(row.default)


@pytest.mark.parametrize(
    ("host", "alone"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_whether_only_this_machine_can_reach_it(host: str, alone: bool) -> None:
    assert Config(host=host).loopback_only is alone


def test_tokens_are_looked_for_in_every_place_until_a_file_is_named(tmp_path: Path) -> None:
    places = (tmp_path, tmp_path / "data")
    assert Config(places=places).tokens_files == tuple(place / "tokens.json" for place in places)
    named = Config(places=places, tokens_file=tmp_path / "t.json", tokens_file_set=True)
    assert named.tokens_files == (tmp_path / "t.json",)
