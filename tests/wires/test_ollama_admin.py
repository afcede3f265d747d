"""What changes an engine's models: names lead to known registries only, digests are no paths."""

from typing import Any

import orjson
import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.wires.ollama import admin

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "name",
    [
        "llama3",
        "llama3:8b-q4_K_M",
        "me/tiny",
        "library/tiny:latest",
        "registry.ollama.ai/library/tiny:latest",
        "hf.co/Foo/Bar-GGUF:Q4_K_M",
        "HF.co/Foo/Bar",
        " tiny ",
    ],
)
def test_a_model_comes_from_a_known_place(name: str) -> None:
    work = admin.parse_transfer({"model": name})
    assert work.model == name.strip()
    assert orjson.loads(admin.render_work(work)) == {"model": name.strip(), "stream": True}


@pytest.mark.parametrize(
    "name",
    [
        "evil.com/a/b",
        "127.0.0.1:8080/a/b",
        "huggingface.co/a/b",
        "hf.co.evil.com/a/b",
        "http://registry.ollama.ai/library/tiny",
        "https://hf.co/a/b",
        "//hf.co/a/b",
        "hf.co/a/b/c",
        "user@hf.co/a/b",
        "hf.co/../b",
        "../x",
        "/x",
        "x:",
        "a b",
        "a\nb",
        "a\x00",
        "a/b.c/d:e/f",
        "x" * 600,
        "",
    ],
)
def test_a_model_comes_from_nowhere_else(name: str) -> None:
    for body in ({"model": name}, {"name": name}):
        with pytest.raises(InvalidRequest):
            admin.parse_transfer(body)
    with pytest.raises(InvalidRequest):
        admin.parse_copy({"source": "a", "destination": name})
    if name:
        with pytest.raises(InvalidRequest):
            admin.parse_create({"model": "a", "from": name})


def test_insecure_is_refused_and_its_absence_may_be_said() -> None:
    for allowed in (False, None):
        work = admin.parse_transfer({"model": "a", "insecure": allowed, "stream": False})
        assert b"insecure" not in admin.render_work(work)
        assert not work.stream
    for body in ({"insecure": True}, {"Insecure": True}, {"in\u017fecure": True}, {"insecure": 1}):
        with pytest.raises(InvalidRequest):
            admin.parse_transfer({"model": "a", **body})


def test_a_create_keeps_all_its_fields() -> None:
    body = {
        "model": "mine",
        "from": "llama3",
        "files": {"model.gguf": DIGEST, "sub/tokenizer.json": DIGEST},
        "adapters": {"lora.gguf": DIGEST},
        "system": "Be kind.",
        "parameters": {"temperature": 0, "stop": ["a"]},
        "messages": [{"role": "user", "content": "Hi"}],
        "quantize": "q4_K_M",
        "next": {"deep": 1},
    }
    work = admin.parse_create({**body, "stream": False})
    assert orjson.loads(admin.render_work(work)) == {**body, "stream": True}
    assert (work.base, work.remote, work.stream) == ("llama3", False, False)
    assert admin.parse_create({"model": "a", "from": "b", "remote_host": "https://x"}).remote


@pytest.mark.parametrize(
    "fields",
    [
        {"files": {"model.gguf": "sha256:../../../etc/passwd"}},
        {"files": {"model.gguf": "sha256:" + "A" * 64}},
        {"files": {"../model.gguf": DIGEST}},
        {"files": {"/etc/passwd": DIGEST}},
        {"files": {"C:\\model.gguf": DIGEST}},
        {"files": {"a\\..\\b": DIGEST}},
        {"files": [DIGEST]},
        {"adapters": {"a": "x"}},
        {"draft_files": {"a": 5}},
        {"modelfile": "FROM /etc/passwd"},
        {"path": "/etc/passwd"},
        {"FROM": "evil.com/a/b"},
        {"Files": {}},
        {"_x": 1},
    ],
)
def test_a_create_reads_no_file_of_the_engines_machine(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        admin.parse_create({"model": "a", **fields})


def test_what_is_there_already_may_be_copied_and_deleted_under_any_host() -> None:
    copy = admin.parse_copy({"source": "old.example/a/b:c", "destination": "mine"})
    assert orjson.loads(admin.render_copy(copy)) == {
        "source": "old.example/a/b:c",
        "destination": "mine",
    }
    assert admin.parse_delete({"name": "old.example/a/b:c"}) == "old.example/a/b:c"
    assert orjson.loads(admin.render_delete("a")) == {"model": "a"}


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": "../x"}, {"Model": "a"}])
def test_a_bad_delete_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        admin.parse_delete(body)


@pytest.mark.parametrize("text", [DIGEST, DIGEST.replace(":", "-")])
def test_a_digest(text: str) -> None:
    assert admin.check_digest(text) == text


@pytest.mark.parametrize(
    "text", ["", "sha256:", DIGEST[:-1], DIGEST + "a", DIGEST + "\n", "sha256:" + "g" * 64, "../x"]
)
def test_no_digest(text: str) -> None:
    with pytest.raises(InvalidRequest):
        admin.check_digest(text)
