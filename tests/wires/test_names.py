"""One model, many spellings: what Ollama takes for the same name, and what others list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.errors import InvalidRequest
from _llamagate.wires.names import canonical, is_hub_id, leaves_machine


@pytest.mark.parametrize(
    "spelling",
    [
        "tiny",
        "TINY",
        " tiny ",
        "tiny:LATEST",
        "library/tiny",
        "registry.ollama.ai/library/tiny:latest",
        "REGISTRY.ollama.ai/Library/Tiny",
        "https://registry.ollama.ai/library/tiny",
        "http://registry.ollama.ai/library/tiny",
        "tiny:local",
        "tiny:latest:local",
        "ollama:tiny",
        "Ollama:tiny:latest",
    ],
)
def test_every_spelling_that_ollama_takes_for_one_model_is_one_name(spelling):
    assert canonical(spelling) == "tiny"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("mistral:7b", "mistral:7b"),
        ("someone/model:v2", "someone/model:v2"),
        ("hf.co/Foo/Bar-GGUF:Q4_K_M", "hf.co/foo/bar-gguf:q4_k_m"),
        ("huggingface.co/Foo/Bar", "huggingface.co/foo/bar"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/meta-llama-3.1-8b-instruct"),
        ("gpt-4o", "gpt-4o"),
        ("/models/llama 3.gguf".replace(" ", "-"), "/models/llama-3.gguf"),
        ("./models/a.gguf", "./models/a.gguf"),
        ("accounts/fireworks/models/x", "accounts/fireworks/models/x"),
        ("ft:gpt-4o:org::abc", "ft:gpt-4o:org::abc"),
        ("@cf/meta/llama", "@cf/meta/llama"),
        ("localhost:5000/ns/model", "localhost:5000/ns/model"),
        ("ollama", "ollama"),
        ("ollama:latest", "ollama"),
    ],
)
def test_other_names_keep_the_form_in_which_they_are_listed(spelling, name):
    assert canonical(spelling) == name


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        " ",
        "/x",
        "x:",
        "../x",
        "a/../b",
        "a b",
        "a\0b",
        "a\nb",
        "a//b",
        "x" * 513,
        ":",
        ":latest",
        "a/:b",
    ],
)
def test_what_can_be_no_name_is_refused_without_repeating_it(spelling):
    with pytest.raises(InvalidRequest) as raised:
        canonical(spelling)
    assert raised.value.param == "model"
    assert "x" * 20 not in raised.value.message


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("x:cloud", "x:cloud"),
        ("x:latest:cloud", "x:cloud"),
        ("gpt-oss:120b:cloud", "gpt-oss:120b-cloud"),
        ("GPT-OSS:120b-Cloud", "gpt-oss:120b-cloud"),
        ("library/x:cloud", "x:cloud"),
        ("x:cloud:latest", "x:cloud"),
    ],
)
def test_names_that_leave_the_machine_have_one_form_too(spelling, name):
    assert canonical(spelling) == name
    assert leaves_machine(spelling)


@pytest.mark.parametrize("spelling", ["my-cloud-model", "cloud", "x-cloud", "host:1/x-cloud", "x"])
def test_a_cloud_elsewhere_in_a_name_stays_here(spelling):
    assert not leaves_machine(spelling)


@pytest.mark.parametrize("spelling", ["x:cloud:local", "x:1b-cloud:local", "x:local:cloud"])
def test_a_name_cannot_be_both_here_and_away(spelling):
    with pytest.raises(InvalidRequest, match="not both"):
        canonical(spelling)


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen3-0.6B", "a_b/c.d", "openai-community/gpt2"])
def test_a_hugging_face_id_is_known_by_its_form(name):
    assert is_hub_id(name)


@pytest.mark.parametrize(
    "name",
    [
        *("llama3.1:8b", "a/b/c", "hf.co/org", "huggingface.co/org", "/etc", "./x", "~/x", "../x"),
        *("a/..", "a--b", "a/b..c", "a/", "/a", "-a", "a b", "", "é", "a" * 200, "a/b@main", "a\n"),
    ],
)
def test_what_hugging_face_could_not_have_is_no_id(name):
    assert not is_hub_id(name)


@given(st.text(alphabet="aB1:/.-_@lc", max_size=30) | st.sampled_from(["x:cloud:local:local"]))
def test_a_canonical_name_is_its_own_canonical_form(spelling):
    try:
        name = canonical(spelling)
    except InvalidRequest:
        return
    assert canonical(name) == name
