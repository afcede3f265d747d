"""Lists and descriptions of models as a client of Ollama's wire reads them.

What an Ollama engine says of its models comes through; models of other engines are described in
the same words, as far as anything is known of them. Paths of the engine's machine are for
administrators only.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime

import orjson

from _llamagate.exchange import Fields, Model, Resident

_PATHS = re.compile(r'^(?P<word>FROM|ADAPTER|DRAFT)[ \t]+"?(?:[/\\~.@]|[A-Za-z]:[/\\]).*\n?', re.M)
_SYSTEM = re.compile(r'^SYSTEM[ \t]+(?:"""[\s\S]*?"""|"[^"]*"|.*)[ \t]*\n?', re.M)


def render_tags(models: Iterable[Model], *, everything: bool) -> bytes:
    entries = [_entry(model) for model in models]
    return orjson.dumps({"models": entries if everything else list(map(_without_path, entries))})


def render_ps(residents: Iterable[Resident], *, everything: bool) -> bytes:
    entries = [resident.entry for resident in residents]
    return orjson.dumps({"models": entries if everything else list(map(_without_path, entries))})


def cloud_switch(allowed: bool) -> Fields:
    """May models be used that run on another machine?"""
    return {"cloud": {"disabled": not allowed, "source": "none" if allowed else "config"}}


def shown_to_users(shown: Fields, name: str, *, system: bool) -> Fields:
    """A model's description without paths, and without its system prompt unless `system`."""
    shown = _without_path(shown)
    modelfile = shown.get("modelfile")
    if isinstance(modelfile, str):
        begun = False

        def named(line: re.Match[str]) -> str:
            nonlocal begun
            first = line["word"] == "FROM" and not begun
            begun = begun or first
            return f"FROM {name}\n" if first else ""

        modelfile = _PATHS.sub(named, modelfile)
        shown["modelfile"] = modelfile if system else _SYSTEM.sub("", modelfile)
    if not system:
        shown.pop("system", None)
    return shown


def describe(model: Model) -> Fields:
    """As /api/show would, of a model that an engine of another kind has."""
    info: Fields = {"general.architecture": "unknown"}
    if model.context_length:
        info["unknown.context_length"] = model.context_length
    return {
        "modelfile": f"FROM {model.name}\n",
        "parameters": "",
        "template": "",
        "details": _details(),
        "model_info": info,
        "capabilities": list(model.capabilities or ("completion",)),
        "modified_at": _stamp(model.modified),
    }


def _entry(model: Model) -> Fields:
    if model.kind == "ollama":
        return model.entry
    details = _details()
    if model.context_length:
        details["context_length"] = model.context_length
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": _stamp(model.modified),
        "size": model.size,
        "digest": hashlib.sha256(model.name.encode()).hexdigest(),
        "details": details,
        "capabilities": list(model.capabilities or ("completion",)),
    }


def _details() -> Fields:
    names = ("parent_model", "format", "family", "parameter_size", "quantization_level")
    return {**dict.fromkeys(names, ""), "families": None}


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _without_path(entry: Fields) -> Fields:
    """A model made from a file has that file's path for its parent."""
    details = entry.get("details")
    parent = details.get("parent_model") if isinstance(details, dict) else None
    if not isinstance(details, dict) or not isinstance(parent, str):
        return dict(entry)
    if not re.match(r"[/\\~.]|[A-Za-z]:[/\\]", parent):
        return dict(entry)
    return {**entry, "details": {**details, "parent_model": ""}}
