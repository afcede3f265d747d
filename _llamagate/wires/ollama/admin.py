"""What changes the models of an engine: pull, push, create, copy, delete, and the blobs in them.

These bodies go on to the engine, but never as they came: a name may not choose where a model comes
from or goes to beyond the known registries, and a digest may not be a path. Who may ask is for
the dialect, which engine is asked for the gateway.
"""

import re
from typing import Any

import orjson
from msgspec import Struct, field
from msgspec.structs import replace

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields
from _llamagate.wires.body import check
from _llamagate.wires.names import LONGEST
from _llamagate.wires.ollama.keys import unknown_fields

REGISTRIES = ("registry.ollama.ai", "hf.co")

_NAME = re.compile(
    r"(?:(?:(?P<host>[A-Za-z0-9_][A-Za-z0-9_.:-]*)/)?[A-Za-z0-9_][A-Za-z0-9_-]*/)?"
    r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?"
)
_DIGEST = re.compile(r"sha256[:-][0-9a-f]{64}")
_FILES = ("files", "adapters", "draft_files")
_OLD = ("path", "modelfile")  # older engines read files of their machine for these


class Work(Struct, frozen=True):
    """Something that takes long and tells how far it is."""

    model: str
    body: Fields  # for the engine
    stream: bool
    base: str = ""  # the model that a new one is made from
    remote: bool = False  # the new one would run elsewhere


class Copy(Struct, frozen=True):
    source: str
    destination: str


class _Transfer(Struct):
    model: str | None = None
    name: str | None = None  # what `model` was called once
    stream: bool | None = None
    insecure: bool | None = None


class _Create(_Transfer, kw_only=True):
    base: str | None = field(default=None, name="from")
    remote_host: str | None = None
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    draft_files: dict[str, str] | None = None


class _Copy(Struct):
    source: str | None = None
    destination: str | None = None


class _Delete(Struct):
    model: str | None = None
    name: str | None = None


def parse_transfer(body: dict[str, Any]) -> Work:
    """Of a pull or a push."""
    return _work(check(body, _Transfer), unknown_fields(body, _Transfer))


def parse_create(body: dict[str, Any]) -> Work:
    asked = check(body, _Create)
    unknown = unknown_fields(body, _Create)
    for name in _OLD:
        if unknown.get(name) is not None:
            raise InvalidRequest(
                f"'{name}' is not supported: say 'from', or send blobs and name them in 'files'.",
                param=name,
            )
    for name in _FILES:
        _check_files(body.get(name) or {}, name)
    base = _known_place(asked.base, "from") if asked.base else ""
    work = _work(asked, unknown)
    sent = {name: body[name] for name in ("from", "remote_host", *_FILES) if name in body}
    return replace(work, body={**work.body, **sent}, base=base, remote=bool(asked.remote_host))


def parse_copy(body: dict[str, Any]) -> Copy:
    asked = check(body, _Copy)
    unknown_fields(body, _Copy)
    return Copy(
        _valid_name(asked.source or "", "source"),
        _known_place(asked.destination or "", "destination"),
    )


def parse_delete(body: dict[str, Any]) -> str:
    asked = check(body, _Delete)
    unknown_fields(body, _Delete)
    return _valid_name(asked.model or asked.name or "", "model")


def render_work(work: Work) -> bytes:
    return orjson.dumps(work.body)


def render_copy(copy: Copy) -> bytes:
    return orjson.dumps({"source": copy.source, "destination": copy.destination})


def render_delete(model: str) -> bytes:
    return orjson.dumps({"model": model})


def check_digest(text: str, param: str = "digest") -> str:
    if not _DIGEST.fullmatch(text):
        raise InvalidRequest(
            "A digest has the form sha256: and 64 hexadecimal digits in lower case.", param=param
        )
    return text


def _valid_name(text: str, param: str) -> str:
    name = text.strip()
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        raise InvalidRequest(
            "Invalid model name: it has the form [host/][namespace/]model[:tag].", param=param
        )
    return name


def _known_place(text: str, param: str) -> str:
    """A name that models come from or go to. Whoever chose the host could make the engine call
    any machine that it can reach."""
    name = _valid_name(text, param)
    found = _NAME.fullmatch(name)
    host = found["host"] if found else None
    if host and host.lower() not in REGISTRIES:
        raise InvalidRequest(
            f"'{param}' may not name a host other than {' or '.join(REGISTRIES)}.", param=param
        )
    return name


def _work(asked: _Transfer, unknown: Fields) -> Work:
    if asked.insecure:
        raise InvalidRequest(
            "'insecure' is refused: models are transferred over verified connections only.",
            param="insecure",
        )
    model = _known_place(asked.model or asked.name or "", "model")
    body = {**unknown, "model": model, "stream": True}  # a plain answer is put together here
    return Work(model, body, asked.stream is not False)


def _check_files(files: dict[str, str], param: str) -> None:
    for name, digest in files.items():
        if name.startswith(("/", "\\")) or ":" in name or ".." in re.split(r"[/\\]", name):
            raise InvalidRequest(
                f"'{param}' may hold plain file names only, no paths that lead out of the model.",
                param=param,
            )
        check_digest(digest, param)
