"""From all the places where settings stand to one Config: who wins, and what is reported."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from _llamagate.config import SETTINGS, Config, ConfigError, EngineSettings, RateLimit, load


def problems(tmp_path: Path, environ: dict[str, str], **more: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        load(environ, tmp_path, **more)
    return "\n".join(refused.value.problems)


def test_nothing_needs_to_be_set(tmp_path: Path) -> None:
    config = load({"HOME": "/home/ann"}, tmp_path)
    assert (config.host, config.port, config.auth) == ("127.0.0.1", 8080, "auto")
    assert [engine.url for engine in config.engines] == ["http://localhost:11434"]
    assert config.timeout == 300
    assert config.rate_limit == RateLimit(10, 10)
    assert not config.rate_limit_set
    assert config.loopback_only
    assert set(config.sources.values()) == {"default"}


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


def test_all_bad_settings_are_reported_at_once_each_by_name(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        {"PORT": "abc", "TIMEOUT": "31m", "AUTH": "maybe", "CACHE": "perhaps", "SLOTS": "0"},
    ).split("\n")
    assert len(found) == 5
    for name in ("PORT", "TIMEOUT", "AUTH", "CACHE", "SLOTS"):
        assert sum(name in sentence for sentence in found) == 1
    assert "TIMEOUT (environment) is '31m' and must be a time from 1ms to 30m" in "\n".join(found)


def test_a_bad_setting_is_named_with_its_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=abc\n")
    assert f"PORT ({tmp_path / '.env'}) is 'abc'" in problems(tmp_path, {})


def test_a_name_that_others_use_too_comes_with_the_way_out(tmp_path: Path) -> None:
    assert "LLAMAGATE_HOST" in problems(tmp_path, {"HOST": "my-laptop"})


def test_a_misspelt_prefixed_name_is_reported(tmp_path: Path) -> None:
    found = problems(tmp_path, {"LLAMAGATE_PROT": "1"})
    assert "LLAMAGATE_PROT (environment) is not a setting" in found
    assert "LLAMAGATE_PORT?" in found


def test_a_misspelt_name_in_the_env_file_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OLAMA_HOST=gpu\nCOMPOSE_PROJECT_NAME=x\n")
    (warning,) = load({}, tmp_path).warnings
    assert "OLAMA_HOST" in warning
    assert "OLLAMA_HOST?" in warning


def test_what_kubernetes_adds_for_a_service_of_our_name_is_left_alone(tmp_path: Path) -> None:
    environ = {
        "LLAMAGATE_PORT": "tcp://10.0.0.1:8080",
        "LLAMAGATE_SERVICE_HOST": "10.0.0.1",
        "LLAMAGATE_SERVICE_PORT_HTTP": "8080",
        "LLAMAGATE_PORT_8080_TCP_ADDR": "10.0.0.1",
        "PORT": "7000",
    }
    assert load(environ, tmp_path).port == 7000


@pytest.mark.parametrize("name", ["API_KEY", "API_KEYS", "ADMIN_KEY"])
def test_a_bad_secret_is_not_repeated(tmp_path: Path, name: str) -> None:
    found = problems(tmp_path, {name: "hunter2 and more"})
    assert name in found
    assert "hunter2" not in found


def test_a_password_in_an_engines_address_is_not_repeated(tmp_path: Path) -> None:
    for name, text in (
        ("OLLAMA_HOST", "http://ann:hunter2@gpu"),
        ("OPENAI_ENGINES", "box=http://ann:hunter2@gpu"),
    ):
        found = problems(tmp_path, {name: text})
        assert name in found
        assert "hunter2" not in found


def test_no_secret_shows_in_the_repr(tmp_path: Path) -> None:
    (tmp_path / "llamagate.toml").write_text(
        '[[engines]]\nname = "a"\nurl = "http://a"\nkey = "secret-4"\n'
    )
    environ = {"API_KEY": "secret-1", "API_KEYS": "secret-2", "ADMIN_KEY": "secret-3"}
    config = load(environ, tmp_path)
    assert config.engines[0].key == "secret-4"
    assert "secret-" not in repr(config)


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


def test_several_ollamas_and_engines_beside_them(tmp_path: Path) -> None:
    environ = {
        "OLLAMA_HOST": "gpu1, http://gpu2:11434",
        "OPENAI_ENGINES": "my-box=http://box:8000/v1",
        "MY_BOX_API_KEY": "sk-box",
        "TIMEOUT": "1m",
        "HEALTH_CHECK_TIMEOUT": "1s",
    }
    times = {"timeout": 60.0, "probe_timeout": 1.0}
    assert load(environ, tmp_path).engines == (
        EngineSettings("ollama", "ollama", "http://gpu1:11434", **times),
        EngineSettings("ollama-2", "ollama", "http://gpu2:11434", **times),
        EngineSettings("my-box", "openai", "http://box:8000/v1", "sk-box", **times),
    )


def test_a_key_for_ollama_com_is_not_sent_to_whatever_ollama_host_names(tmp_path: Path) -> None:
    config = load({"OLLAMA_API_KEY": "sk-cloud", "OLLAMA_HOST": "http://gpu"}, tmp_path)
    assert config.engines[0].key == ""


def test_ollama_can_be_done_without(tmp_path: Path) -> None:
    config = load({"OLLAMA_HOST": "none", "OPENAI_ENGINES": "a=http://a"}, tmp_path)
    assert [engine.name for engine in config.engines] == ["a"]


def test_the_backend_says_which_model_is_the_default(tmp_path: Path) -> None:
    both = {"OLLAMA_MODEL": "llama2", "MODEL_NAME": "gpt2"}
    assert load(both, tmp_path).default_model == "llama2"
    assert load(both | {"MODEL_BACKEND": "transformers"}, tmp_path).default_model == "gpt2"
    assert load({"MODEL_NAME": "gpt2"}, tmp_path).default_model == "gpt2"


def test_either_rate_replaces_what_surfaces_promise(tmp_path: Path) -> None:
    slow = load({"RATE_LIMIT_RPS": "0.5"}, tmp_path)
    assert (slow.rate_limit, slow.rate_limit_set) == (RateLimit(0.5, 1), True)
    config = load({"RATE_LIMIT_RPS": "5", "RATE_LIMIT": "60/minute burst 10"}, tmp_path)
    assert (config.rate_limit, config.rate_limit_set) == (RateLimit(1, 10), True)


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
