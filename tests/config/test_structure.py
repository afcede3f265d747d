"""llamagate.toml beyond single settings."""

from pathlib import Path

import pytest

from _llamagate.config import (
    Config,
    ConfigError,
    EngineSettings,
    KeySettings,
    ModelDefaults,
    RoleSettings,
    load,
)

HASH = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"


def loaded(tmp_path: Path, text: str, **environ: str) -> Config:
    (tmp_path / "llamagate.toml").write_text(text)
    return load(environ, tmp_path)


def problems(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    return "\n".join(refused.value.problems)


def test_an_engine_with_everything(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [[engines]]
        name = "attic"
        kind = "openai"
        url = "https://attic:8443/v1/"
        key = "sk-attic"
        models = ["qwen3:32b"]
        weight = 2
        slots = 4
        timeout = "10m"
        probe_timeout = 1.5
        ca_file = "attic.pem"
        """,
    )
    ca_file = str(tmp_path / "attic.pem")
    assert config.engines == (
        EngineSettings(
            "attic", "openai", "https://attic:8443/v1", "sk-attic", ("qwen3:32b",),
            2.0, 4, 600.0, 1.5, ca_file,
        ),
    )  # fmt: skip


def test_an_engine_is_an_ollama_with_the_usual_times_unless_it_says_otherwise(
    tmp_path: Path,
) -> None:
    text = '[[engines]]\nname = "attic"\nurl = "attic"\n'
    config = loaded(tmp_path, text, TIMEOUT="1m", ATTIC_API_KEY="sk-attic")
    assert config.engines == (
        EngineSettings("attic", "ollama", "http://attic:11434", "sk-attic", timeout=60.0),
    )


def test_listed_engines_replace_the_default_but_not_what_the_environment_names(
    tmp_path: Path,
) -> None:
    text = '[[engines]]\nname = "attic"\nurl = "attic"\n'
    assert [engine.name for engine in loaded(tmp_path, text).engines] == ["attic"]
    both = loaded(tmp_path, text, OLLAMA_HOST="gpu", OPENAI_ENGINES="box=http://box")
    assert [engine.name for engine in both.engines] == ["ollama", "box", "attic"]


def test_two_engines_of_one_name_are_refused(tmp_path: Path) -> None:
    engine = '[[engines]]\nname = "a"\nurl = "a"\n'
    assert "Engine a is declared 2 times" in problems(tmp_path, engine * 2)


def test_every_mistake_in_an_engine_is_named_with_its_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """
        [[engines]]
        name = "good"
        url = "good"
        [[engines]]
        name = "a b"
        kind = "llama"
        url = "http://ann:hunter2@a"
        slots = 0
        wieght = 1
        [[engines]]
        kind = "ollama"
        """,
    )
    for part in (
        "[[engines]] number 2 name must be",
        "[[engines]] number 2 kind must be ollama or openai",
        "[[engines]] number 2 slots must be auto, or a whole number",
        "[[engines]] number 2 wieght is unknown (did you mean weight?)",
        "[[engines]] number 2 url must be an address without user name",
        "[[engines]] number 3 name must be given",
        "[[engines]] number 3 url must be given",
    ):
        assert part in found
    assert "hunter2" not in found


def test_aliases_may_have_fallbacks_and_the_environment_wins(tmp_path: Path) -> None:
    text = '[aliases]\n"gpt-4" = ["a", "b"]\n"claude-*" = "c"\n'
    config = loaded(tmp_path, text, MODEL_ALIASES="claude-*=d")
    assert config.aliases == {"gpt-4": ("a", "b"), "claude-*": ("d",)}


def test_a_name_with_a_dot_that_lacks_its_quotes_is_explained(tmp_path: Path) -> None:
    assert "quotes" in problems(tmp_path, '[aliases]\ngpt-3.5-turbo = "a"\n')


def test_defaults_of_a_model(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        """
        [models."llama3.1:8b"]
        num_ctx = 16384
        keep_alive = "30m"
        temperature = 0.3
        stop = "END"
        system = "Short."
        think = "low"
        lock = ["num_ctx", "system"]
        [models.other]
        keep_alive = -1
        think = false
        seed = -5
        """,
    )
    assert config.models == {
        "llama3.1:8b": ModelDefaults(
            num_ctx=16384, keep_alive="30m", temperature=0.3, stop=("END",), system="Short.",
            think="low", lock=("num_ctx", "system"),
        ),
        "other": ModelDefaults(keep_alive=-1.0, think=False, seed=-5),
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "num_ctx = 0", "num_ctx = 1.5", "temperature = 3", 'keep_alive = "1d"', "keep_alive = true",
        "system = 1", 'think = "hard"', 'lock = ["colour"]', 'lock = ["lock"]', "nmu_ctx = 1",
        "stop = [1]", "temperature = true", "top_p = nan",
    ],
)  # fmt: skip
def test_a_default_that_is_none_is_refused_by_name(tmp_path: Path, line: str) -> None:
    assert f'[models."a:b"] {line.split()[0]}' in problems(tmp_path, f'[models."a:b"]\n{line}\n')


def test_keys_by_their_hash_and_roles(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        f"""
        [keys.ann]
        sha256 = "{HASH.upper()}"
        role = "lab"
        weight = 2
        models = ["a"]
        [keys.bob]
        sha256 = "{HASH}"
        [roles.lab]
        priority = "batch"
        models = []
        [roles.premium]
        models = ["b"]
        """,
    )
    assert config.keys == (
        KeySettings("ann", HASH, "lab", 2.0, ("a",)),
        KeySettings("bob", HASH),
    )
    assert config.roles["lab"] == RoleSettings("lab", priority="batch", models=())
    assert config.roles["premium"] == RoleSettings("premium", 2.0, models=("b",))
    assert config.roles["admin"].admin


def test_user_is_another_word_for_basic(tmp_path: Path) -> None:
    config = loaded(tmp_path, "[roles.basic]\nweight = 3\n")
    assert config.roles["user"].weight == 3


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[keys.a]\n", "[keys.a] sha256 must be given"),
        ('[keys.a]\nsha256 = "abc"\n', "64 hexadecimal digits"),
        (f'[keys.a]\nsha256 = "{HASH}"\nrole = "boss"\n', "[keys.a] role must be a role"),
        ('[roles.a]\npriority = "high"\n', "[roles.a] priority must be interactive or batch"),
        ('[roles.a]\nadmin = "yes"\n', "[roles.a] admin must be true or false"),
        ("[keys]\na = 1\n", "[keys.a] must be a table"),
        ("engines = 1\n", "engines must be a list of tables"),
        ("[engines]\nname = 1\n", "engines must be a list of tables"),
        ("aliases = 1\n", "aliases must be a table"),
        ('cloud_models = "yes"\n', "cloud_models must be true or false"),
        ("[surfaces]\nnosuch = 1\n", "[surfaces] nosuch is unknown"),
        ("porrt = 1\n", "porrt is unknown (did you mean port?)"),
        ("port = [1]\n", "port must be"),
        ("port = 1\nport = 2\n", "is not TOML"),
    ],
)
def test_other_mistakes_are_named_with_their_place(tmp_path: Path, text: str, part: str) -> None:
    assert part in problems(tmp_path, text)


def test_surface_ports_in_the_file_hold_where_the_environment_has_none(tmp_path: Path) -> None:
    text = "[surfaces]\negollama = 8082\n"
    assert loaded(tmp_path, text).surface_ports == (("egollama", 8082),)
    ports = loaded(tmp_path, text, SURFACE_PORTS="ollama:1").surface_ports
    assert ports == (("ollama", 1),)


def test_single_settings_may_be_lists_and_truths(tmp_path: Path) -> None:
    config = loaded(tmp_path, 'api_keys = ["one-key", "two-key"]\ncache = false\nauth = true\n')
    assert (config.api_keys, config.cache, config.auth) == (("one-key", "two-key"), False, "on")


def test_cloud_models_are_off_unless_wanted(tmp_path: Path) -> None:
    assert not loaded(tmp_path, "").cloud_models
    assert loaded(tmp_path, "cloud_models = true\n").cloud_models
