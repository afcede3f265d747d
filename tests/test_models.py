"""What an operator says of models: aliases, allow-lists, defaults and locks."""

import pytest

from _llamagate.config import ModelDefaults
from _llamagate.errors import InvalidRequest, NoSuchModel, NotAllowed
from _llamagate.exchange import NOBODY, Caller, Chat, Completion, Embed, Message, Model
from _llamagate.models import Names

ALIASES = {"gpt-4": ("llama3.1:70b", "qwen3:32b"), "claude-*": ("qwen3-coder",)}
NAMES = Names(ALIASES, {})


def only(*models: str) -> Caller:
    return Caller("somebody", models=models)


def names(spelling: str, caller: Caller = NOBODY, table: Names = NAMES) -> tuple[str, ...]:
    return table.resolve(spelling, caller).names


# ---------------------------------------------------------------- aliases


def test_a_name_without_an_alias_is_its_own_canonical_form():
    found = NAMES.resolve(" Library/Tiny:LATEST ", NOBODY)
    assert (found.names, found.spelled, found.asked) == (
        ("tiny",),
        ("Library/Tiny:LATEST",),
        "Library/Tiny:LATEST",
    )


@pytest.mark.parametrize("spelling", ["gpt-4", "GPT-4", " gpt-4 ", "gpt-4:latest", "library/gpt-4"])
def test_every_spelling_of_an_alias_leads_to_its_models_in_order(spelling):
    assert names(spelling) == ("llama3.1:70b", "qwen3:32b")


def test_an_alias_with_a_star_steps_in_where_there_is_no_such_model():
    assert names("claude-sonnet-4-5") == ("claude-sonnet-4-5", "qwen3-coder")


def test_an_exact_alias_wins_and_then_the_pattern_with_the_most_letters():
    table = Names({"*": ("any",), "gpt-*": ("gpt",), "gpt-4*": ("four",), "gpt-4o": ("oh",)}, {})
    assert names("gpt-4o", table=table) == ("oh",)
    assert names("gpt-4o-mini", table=table)[1:] == ("four",)
    assert names("gpt-3", table=table)[1:] == ("gpt",)
    assert names("tiny", table=table)[1:] == ("any",)


def test_an_alias_is_no_way_to_another_alias():
    assert names("a", table=Names({"a": ("b",), "b": ("c",)}, {})) == ("b",)


def test_an_alias_may_be_a_name_that_no_engine_could_have():
    assert names("my model", table=Names({"My Model": ("tiny",)}, {})) == ("tiny",)


def test_without_a_model_the_default_is_taken_or_the_error_says_which_setting():
    assert names("", table=Names({}, {}, "tiny")) == ("tiny",)
    with pytest.raises(InvalidRequest, match="OLLAMA_MODEL"):
        names("")


def test_other_aliases_take_effect_at_once():
    table = Names({"gpt-4": ("old",)}, {})
    assert names("gpt-4", table=table) == ("old",)
    table.replace({"gpt-4": ("new",)}, {})
    assert names("gpt-4", table=table) == ("new",)


def test_what_is_remembered_is_bounded():
    table = Names({}, {})
    for number in range(10_000):
        table.resolve(f"model-{number}", NOBODY)
    assert table._resolve_for.cache_info().currsize <= 4096
    with pytest.raises(InvalidRequest):
        table.resolve(" " * 10_000_000 + "tiny", NOBODY)


# ---------------------------------------------------------------- who may use what


def test_what_is_not_for_a_caller_looks_like_what_is_not_there():
    with pytest.raises(NoSuchModel) as raised:
        names("secret", only("tiny"))
    assert raised.value.message == NoSuchModel.named("secret").message


@pytest.mark.parametrize(
    "spelling", ["tiny", "TINY", "library/tiny", "tiny:latest", "ollama:tiny", "tiny:local"]
)
def test_an_allow_list_knows_every_spelling(spelling):
    assert names(spelling, only("Tiny:latest")) == ("tiny",)
    with pytest.raises(NoSuchModel):
        names(spelling, only("other"))


def test_an_alias_leads_only_to_what_is_allowed_unless_it_is_allowed_itself():
    assert names("gpt-4", only("qwen3:32b")) == ("qwen3:32b",)
    assert names("gpt-4", only("gpt-4")) == ("llama3.1:70b", "qwen3:32b")
    with pytest.raises(NoSuchModel):
        names("gpt-4", only("tiny"))
    with pytest.raises(NoSuchModel):
        names("llama3.1:70b", only("gpt-4"))


def test_an_allow_list_may_have_patterns():
    assert names("llama3.1:8b", only("llama3*")) == ("llama3.1:8b",)
    assert names("claude-x", only("claude-*")) == ("claude-x", "qwen3-coder")
    with pytest.raises(NoSuchModel):
        names("qwen3", only("llama3*"))


def test_an_empty_allow_list_allows_nothing():
    with pytest.raises(NoSuchModel):
        names("tiny", only())


@pytest.mark.parametrize("spelling", ["gpt-oss:120b-cloud", "x:cloud", "GPT-OSS:120b:CLOUD"])
def test_names_that_leave_the_machine_are_refused_unless_allowed(spelling):
    with pytest.raises(NotAllowed, match="cloud_models"):
        names(spelling)
    assert names(spelling, table=Names({}, {}, cloud=True))


def test_an_alias_to_the_cloud_is_no_way_around_it():
    table = Names({"big": ("gpt-oss:120b-cloud",), "mixed": ("x:cloud", "tiny")}, {})
    with pytest.raises(NotAllowed):
        names("big", table=table)
    assert names("mixed", table=table) == ("tiny",)


# ---------------------------------------------------------------- lists


def listed(caller: Caller, *models: str, table: Names = NAMES) -> list[str]:
    return [model.name for model in table.visible(caller, [Model(name) for name in models])]


def test_a_list_has_the_aliases_that_lead_somewhere():
    assert listed(NOBODY, "tiny:latest", "qwen3:32b") == ["tiny:latest", "qwen3:32b", "gpt-4"]
    assert listed(NOBODY, "tiny:latest") == ["tiny:latest"]


def test_an_alias_in_a_list_is_the_model_it_leads_to_under_another_name():
    entry = {"name": "qwen3:32b", "model": "qwen3:32b", "size": 7}
    shown = NAMES.visible(NOBODY, [Model("qwen3:32b", size=7, entry=entry)])
    assert shown[1].size == 7
    assert shown[1].entry == {"name": "gpt-4", "model": "gpt-4", "size": 7}


def test_a_list_has_nothing_that_its_reader_may_not_use():
    assert listed(only("tiny"), "tiny:latest", "qwen3:32b") == ["tiny:latest"]
    assert listed(only("gpt-4"), "tiny:latest", "qwen3:32b") == ["gpt-4"]
    assert listed(NOBODY, "gpt-oss:120b-cloud", "tiny") == ["tiny"]


def test_an_alias_that_has_a_models_name_is_listed_once():
    table = Names({"gpt-4": ("tiny",)}, {})
    assert listed(NOBODY, "gpt-4:latest", "tiny", table=table) == ["gpt-4", "tiny"]


# ---------------------------------------------------------------- defaults and locks

HELLO = (Message("user", "hello"),)


def applied(request: Chat | Completion | Embed, **said: object) -> Chat | Completion | Embed:
    return Names({}, {"tiny": ModelDefaults(**said)}).apply(request, "tiny")


def test_a_default_is_used_where_the_client_said_nothing():
    request = Chat(model="tiny", messages=HELLO, temperature=0.0)
    changed = applied(request, temperature=0.9, num_ctx=8192, stop=("END",), think=False)
    assert (changed.temperature, changed.num_ctx) == (0.0, 8192)
    assert (changed.stop, changed.think) == (("END",), False)


def test_a_lock_overrides_what_the_client_said():
    request = Chat(model="tiny", messages=HELLO, num_ctx=100_000, keep_alive=-1)
    changed = applied(request, num_ctx=4096, lock=("num_ctx", "keep_alive"))
    assert (changed.num_ctx, changed.keep_alive) == (4096, None)


def test_a_request_that_needs_no_change_stays_the_same_object():
    request = Chat(model="tiny", messages=HELLO, num_ctx=4096)
    assert applied(request, num_ctx=4096, lock=("num_ctx",)) is request
    assert NAMES.apply(request, "tiny") is request


def test_a_system_prompt_comes_first_where_the_client_has_none():
    changed = applied(Chat(model="tiny", messages=HELLO), system="be brief")
    assert changed.messages == (Message("system", "be brief"), *HELLO)
    own = Chat(model="tiny", messages=(Message("developer", "be long"), *HELLO))
    assert applied(own, system="be brief") is own


def test_a_locked_system_prompt_takes_the_place_of_the_clients():
    own = Chat(model="tiny", messages=(Message("system", "be evil"), *HELLO))
    changed = applied(own, system="be brief", lock=("system",))
    assert changed.messages == (Message("system", "be brief"), *HELLO)
    assert applied(own, lock=("system",)).messages == HELLO


def test_a_completion_has_a_system_prompt_too_unless_it_is_raw():
    assert applied(Completion(model="tiny", prompt="x"), system="s").system == "s"
    assert applied(Completion(model="tiny", prompt="x", system="own"), system="s").system == "own"
    raw = Completion(model="tiny", prompt="x", raw=True)
    assert applied(raw, system="s") is raw


def test_embedding_takes_what_says_how_a_model_is_loaded():
    request = Embed(model="tiny", inputs=("a",))
    changed = applied(request, num_ctx=2048, keep_alive="1h", temperature=0.1)
    assert (changed.options, changed.keep_alive) == ({"num_ctx": 2048}, "1h")
    own = Embed(model="tiny", inputs=("a",), options={"num_ctx": 1}, keep_alive=5)
    assert applied(own, num_ctx=2048, keep_alive="1h") is own
    locked = applied(own, num_ctx=2048, keep_alive="1h", lock=("num_ctx", "keep_alive"))
    assert (locked.options, locked.keep_alive) == ({"num_ctx": 2048}, "1h")


def test_defaults_may_be_for_many_models_the_nearest_name_counts():
    table = Names({}, {"*": ModelDefaults(num_ctx=1), "qwen*": ModelDefaults(num_ctx=2)})
    request = Chat(model="x", messages=HELLO)
    assert table.apply(request, "tiny").num_ctx == 1
    assert table.apply(request, "qwen3").num_ctx == 2
