"""The places where settings stand, and which of them wins."""

from pathlib import Path

import pytest

from _llamagate.config import ConfigError, load


def problems(tmp_path: Path, environ: dict[str, str], **more: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load(environ, tmp_path, **more)
    return "\n".join(refused.value.problems)


def test_the_environment_wins_over_env_file_over_toml_over_default(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=2\nTIMEOUT=2m\n")
    (tmp_path / "llamagate.toml").write_text('port = 3\ntimeout = "3m"\nkeepalive = 3\n')
    config = load({"PORT": "1"}, tmp_path)
    assert (config.port, config.timeout, config.keepalive, config.queue_limit) == (1, 120, 3, 256)
    assert config.sources["PORT"] == "environment"
    assert config.sources["TIMEOUT"] == str(tmp_path / ".env")
    assert config.sources["KEEPALIVE"] == str(tmp_path / "llamagate.toml")
    assert config.sources["QUEUE_LIMIT"] == "default"


def test_the_command_line_wins_over_everything(tmp_path: Path) -> None:
    config = load({"LLAMAGATE_PORT": "1"}, tmp_path, overrides={"PORT": "9"})
    assert config.port == 9
    assert config.sources["PORT"] == "command line"


def test_the_prefixed_name_wins_over_what_other_programs_put_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LLAMAGATE_DEBUG=true\n")
    config = load({"DEBUG": "vite:*", "HOST": "my-laptop", "LLAMAGATE_HOST": "::1"}, tmp_path)
    assert (config.debug, config.host) == (True, "::1")


def test_an_empty_setting_is_not_set_and_hides_the_file_below(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_KEY=from-the-file\n")
    assert load({}, tmp_path).api_key == "from-the-file"
    assert load({"API_KEY": ""}, tmp_path).api_key == ""


def test_quotes_and_blanks_that_windows_leaves_are_taken_off(tmp_path: Path) -> None:
    assert load({"API_KEY": ' "a-long-key" '}, tmp_path).api_key == "a-long-key"


def test_other_systems_names_are_understood(tmp_path: Path) -> None:
    environ = {
        "OLLAMA_BASE_URL": "http://gpu:1",
        "EGOLLAMA_API_KEY": "a-long-key",
        "EGOLLAMA_HOST": "127.0.0.2",
        "EGOLLAMA_PORT": "8082",
        "EGOLLAMA_CORS_ORIGINS": "https://a.example",
    }
    config = load(environ, tmp_path)
    assert config.engines[0].url == "http://gpu:1"
    assert (config.api_key, config.host, config.port) == ("a-long-key", "127.0.0.2", 8082)
    assert config.cors_origins == ("https://a.example",)
    assert config.sources["PORT"] == "environment EGOLLAMA_PORT"


@pytest.mark.parametrize(
    ("environ", "auth"),
    [
        ({"EGOLLAMA_REQUIRE_API_KEY": "true"}, "on"),
        ({"EGOLLAMA_REQUIRE_API_KEY": "false"}, "auto"),
        ({"ENVIRONMENT": "production"}, "on"),
        ({"ENVIRONMENT": "development"}, "auto"),
        ({"ENVIRONMENT": "production", "AUTH": "off"}, "off"),
        ({"AUTH": "true"}, "on"),
    ],
)
def test_other_systems_ways_to_ask_for_a_key(
    tmp_path: Path, environ: dict[str, str], auth: str
) -> None:
    assert load(environ, tmp_path).auth == auth


def test_an_environment_that_is_not_production_undoes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AUTH=on\n")
    assert load({"ENVIRONMENT": "development"}, tmp_path).auth == "on"


def test_what_kubernetes_adds_for_a_service_of_our_name_is_left_alone(tmp_path: Path) -> None:
    environ = {
        "LLAMAGATE_PORT": "tcp://10.0.0.1:8080",
        "LLAMAGATE_SERVICE_HOST": "10.0.0.1",
        "LLAMAGATE_SERVICE_PORT_HTTP": "8080",
        "LLAMAGATE_PORT_8080_TCP_ADDR": "10.0.0.1",
        "PORT": "7000",
    }
    assert load(environ, tmp_path).port == 7000


def test_the_files_are_looked_for_beside_config_here_beside_the_program_and_in_the_data(
    tmp_path: Path,
) -> None:
    folders = [tmp_path / name for name in ("given", "here", "program", "data")]
    for folder in folders:
        folder.mkdir()
        (folder / ".env").write_text(f"OLLAMA_MODEL={folder.name}\n")
        (folder / "tokens.json").write_text("{}")
    given, here, program, data = folders
    (given / "llamagate.toml").write_text("")
    for folder in folders:
        config = load(
            {"DATA_DIR": str(data)},
            here,
            program,
            given / "llamagate.toml" if folder == given else None,
        )
        assert config.default_model == folder.name
        assert config.files[".env"] == folder / ".env"
        assert config.files["tokens.json"] == folder / "tokens.json"
        (folder / ".env").unlink()
        (folder / "tokens.json").unlink()


def test_config_may_name_an_env_file_of_any_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "production.env").write_text("PORT=7000\nLOG_FILE=gate.log\n")
    config = load({}, tmp_path, config_file=Path("sub/production.env"))
    assert config.port == 7000
    assert config.log_file == tmp_path / "sub" / "gate.log"


def test_config_that_names_no_file_is_reported(tmp_path: Path) -> None:
    assert "there is no such file" in problems(tmp_path, {}, config_file=Path("gone.toml"))


def test_relative_paths_start_where_they_are_written(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / ".env").write_text("LOG_FILE=gate.log\nTOKENS_FILE=~/t.json\n")
    config = load({"DATA_DIR": "data", "HOME": "/home/ann"}, tmp_path, program)
    assert config.log_file == program / "gate.log"
    assert config.data_dir == tmp_path / "data"
    assert config.tokens_file == Path("/home/ann/t.json")
    assert config.tokens_files == (config.tokens_file,)


def test_a_line_that_is_no_setting_is_reported_with_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=1\nthis is no line\n")
    assert "line 2" in problems(tmp_path, {})


def test_an_env_file_of_windows_notepad_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("PORT=7000\r\n".encode("utf-8-sig"))
    assert load({}, tmp_path).port == 7000


def test_a_file_in_another_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("PORT=7000\n".encode("utf-16"))
    assert "not UTF-8" in problems(tmp_path, {})


def test_env_values_are_taken_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("API_KEY=a$HOME${HOME}#b\n")
    assert load({"HOME": "/root"}, tmp_path).api_key == "a$HOME${HOME}#b"
