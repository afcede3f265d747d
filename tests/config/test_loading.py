"""From what is written to one Config, and what is reported of it."""

from pathlib import Path

import pytest

from _llamagate.config import ConfigError, EngineSettings, RateLimit, load


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


def test_in_a_container_the_machine_around_it_is_asked_too(tmp_path: Path) -> None:
    def urls(environ: dict[str, str]) -> list[str]:
        return [one.url for one in load(environ, tmp_path, in_container=True).engines]

    assert urls({}) == ["http://localhost:11434", "http://host.docker.internal:11434"]
    assert urls({"OLLAMA_HOST": "http://ollama:11434"}) == ["http://ollama:11434"]
    (tmp_path / "llamagate.toml").write_text('[[engines]]\nname = "a"\nurl = "http://a:1"\n')
    assert urls({}) == ["http://a:1"]


def test_ollama_can_be_done_without(tmp_path: Path) -> None:
    config = load({"OLLAMA_HOST": "none", "OPENAI_ENGINES": "a=http://a"}, tmp_path)
    assert [engine.name for engine in config.engines] == ["a"]


def test_the_backend_says_which_model_is_the_default(tmp_path: Path) -> None:
    both = {"OLLAMA_MODEL": "llama2", "MODEL_NAME": "gpt2"}
    assert load(both, tmp_path).default_model == "llama2"
    assert load(both | {"MODEL_BACKEND": "transformers"}, tmp_path).default_model == "gpt2"
    assert load({"MODEL_NAME": "gpt2"}, tmp_path).default_model == "gpt2"


def test_transformers_is_an_engine_where_it_has_models_to_serve(tmp_path: Path) -> None:
    def served(**environ: str) -> tuple[str, ...]:
        engines = load({"OLLAMA_HOST": "none", **environ}, tmp_path).engines
        return engines[0].models if engines else ()

    assert served() == served(HF_MODELS="none") == served(MODEL_NAME="gpt2") == ()
    assert served(MODEL_BACKEND="transformers") == ()
    assert served(MODEL_BACKEND="transformers", MODEL_NAME="gpt2") == ("gpt2",)
    assert served(HF_MODELS="a/b,c/*") == ("a/b", "c/*")
    both = {"MODEL_BACKEND": "transformers", "MODEL_NAME": "a/b", "HF_MODELS": "a/b,*"}
    assert served(**both) == ("a/b", "*")
    (engine,) = load({"OLLAMA_HOST": "none", "HF_MODELS": "*"}, tmp_path).engines
    assert (engine.name, engine.kind, engine.slots) == ("transformers", "transformers", 1)
    assert engine.place == "transformers"


def test_either_rate_replaces_what_surfaces_promise(tmp_path: Path) -> None:
    slow = load({"RATE_LIMIT_RPS": "0.5"}, tmp_path)
    assert (slow.rate_limit, slow.rate_limit_set) == (RateLimit(0.5, 1), True)
    config = load({"RATE_LIMIT_RPS": "5", "RATE_LIMIT": "60/minute burst 10"}, tmp_path)
    assert (config.rate_limit, config.rate_limit_set) == (RateLimit(1, 10), True)
