"""What only shows when all settings are together."""

from pathlib import Path

import pytest

from _llamagate.config import ConfigError, load


def problems(tmp_path: Path, **environ: str) -> str:
    with pytest.raises(ConfigError) as refused:
        load(environ, tmp_path)
    return "\n".join(refused.value.problems)


def test_a_documented_key_is_a_warning_on_loopback(tmp_path: Path) -> None:
    config = load({"API_KEY": "sk-llamagate"}, tmp_path)
    assert config.api_key == "sk-llamagate"
    assert "API_KEY" in config.warnings[0]


@pytest.mark.parametrize("name", ["API_KEY", "API_KEYS", "ADMIN_KEY"])
def test_a_documented_key_is_refused_when_others_can_reach_it(tmp_path: Path, name: str) -> None:
    assert name in problems(tmp_path, **{name: "test-key-123", "HOST": "0.0.0.0"})


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    assert "TLS_KEY_FILE must be set too" in problems(tmp_path, TLS_CERT_FILE="cert.pem")


def test_a_certificate_has_to_be_there(tmp_path: Path) -> None:
    found = problems(tmp_path, TLS_CERT_FILE="cert.pem", TLS_KEY_FILE="key.pem")
    assert f"TLS_CERT_FILE: there is no file {tmp_path / 'cert.pem'}" in found
    assert f"TLS_KEY_FILE: there is no file {tmp_path / 'key.pem'}" in found


def test_a_port_can_be_given_once_only(tmp_path: Path) -> None:
    found = problems(tmp_path, PORT="8082", SURFACE_PORTS="egollama:8082")
    assert "Port 8082 is given 2 times" in found


def test_any_free_port_can_be_asked_for_more_than_once(tmp_path: Path) -> None:
    config = load({"PORT": "0", "SURFACE_PORTS": "egollama:0,ollama:0"}, tmp_path)
    assert config.port == 0
    assert len(config.surface_ports) == 2


@pytest.mark.parametrize(
    "environ",
    [
        {"OLLAMA_HOST": "http://127.0.0.1:8080"},
        {"OLLAMA_HOST": "http://localhost:8080"},
        {"OLLAMA_HOST": "[::1]:8080", "HOST": "localhost"},
        {"OLLAMA_HOST": "localhost:8080", "HOST": "0.0.0.0"},
        {"SURFACE_PORTS": "ollama:11434"},
    ],
)
def test_an_engine_that_is_the_gateway_itself_is_a_warning(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (warning,) = load(environ, tmp_path).warnings
    assert "is this gateway itself" in warning


@pytest.mark.parametrize(
    "environ",
    [
        {"OLLAMA_HOST": "127.0.0.1:8080", "HOST": "127.0.0.2"},
        {"OLLAMA_HOST": "gpu:8080"},
        {"OLLAMA_HOST": "10.0.0.9:8080", "HOST": "0.0.0.0"},
    ],
)
def test_an_engine_on_the_same_port_of_another_address_is_none(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    assert load(environ, tmp_path).warnings == ()


@pytest.mark.parametrize("setting", ["API_KEY", "API_KEYS"])
def test_a_key_that_makes_everybody_an_administrator_is_worth_a_warning(
    tmp_path: Path, setting: str
) -> None:
    (warning,) = load({setting: "sk-everybodys", "ADMIN_KEY": "sk-everybodys"}, tmp_path).warnings
    assert warning.startswith("ADMIN_KEY is also a key of API_KEY")
    assert not load({setting: "sk-everybodys", "ADMIN_KEY": "sk-mine-alone"}, tmp_path).warnings
