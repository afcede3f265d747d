"""llamagate.toml beyond single settings: engines, aliases, models, keys, roles, surface ports.

Every table is read by a list of its keys; what is unknown or of the wrong form becomes a problem
that names its place in the file. How this joins with the settings is `loading`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TypeAlias, TypeVar, cast

from _llamagate.config import forms, urls
from _llamagate.config.settings import SETTINGS, SURFACES
from _llamagate.config.values import (
    BUILT_IN_ROLES,
    EngineSettings,
    KeySettings,
    ModelDefaults,
    RoleSettings,
)

T = TypeVar("T")
Table: TypeAlias = Mapping[str, object]
Reader: TypeAlias = Callable[[object], object]

STRUCTURES = ("engines", "aliases", "models", "keys", "roles", "surfaces", "cloud_models")
_THINK_LEVELS = ("low", "medium", "high", "max")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class Structure:
    """What the tables said, as far as it was right."""

    engines: list[EngineSettings] = field(default_factory=list)
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    models: dict[str, ModelDefaults] = field(default_factory=dict)
    keys: list[KeySettings] = field(default_factory=list)
    roles: dict[str, RoleSettings] = field(
        default_factory=lambda: {role.name: role for role in BUILT_IN_ROLES}
    )
    surface_ports: list[tuple[str, int]] = field(default_factory=list)
    cloud_models: bool = False


def scalar(value: object) -> str:
    """A TOML value as one would write it into a setting."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise ValueError("a text, a number, true or false")


def of_form(parse: Callable[[str], object]) -> Reader:
    return lambda value: parse(scalar(value))


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text in quotes")
    return value


def text_list(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError('a list of texts, ["one", "two"]')
    return tuple(value)


def text_or_list(value: object) -> tuple[str, ...]:
    if isinstance(value, Mapping):
        raise ValueError("a text or a list of texts; a name with a dot in it stands in quotes")
    return (value,) if isinstance(value, str) else text_list(value)


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a name of letters, digits and . _ -")
    return value


def sha256(value: object) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value.lower()):
        raise ValueError("the SHA-256 of the key, 64 hexadecimal digits")
    return value.lower()


def keep_alive(value: object) -> float | str:
    """As Ollama takes it: seconds, or a time such as "30m"; negative is for ever."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"-?(\d+(\.\d+)?(ms|s|m|h))+|-?\d+", value):
        return value
    raise ValueError('seconds, or a time such as "30m"; -1 is for ever')


def think(value: object) -> bool | str:
    if isinstance(value, bool) or (isinstance(value, str) and value in _THINK_LEVELS):
        return value
    raise ValueError('true, false, "low", "medium", "high" or "max"')


def lock(value: object) -> tuple[str, ...]:
    found = text_list(value)
    if unknown := [word for word in found if word not in _MODEL or word == "lock"]:
        raise ValueError(f"a list of this table's other keys, which {unknown[0]!r} is not")
    return found


_ENGINE: Mapping[str, Reader] = {
    "name": name,
    "kind": of_form(forms.choice("ollama", "openai")),
    "key": of_form(forms.secret),
    "models": text_list,
    "weight": of_form(forms.number(0.001, 1000)),
    "slots": of_form(SETTINGS["slots"].parse),
    "timeout": of_form(SETTINGS["timeout"].parse),
    "probe_timeout": of_form(SETTINGS["health_check_timeout"].parse),
    "ca_file": text,
}
_MODEL: Mapping[str, Reader] = {
    "num_ctx": of_form(forms.whole(1, 100_000_000)),
    "keep_alive": keep_alive,
    "temperature": of_form(forms.number(0, 2)),
    "top_p": of_form(forms.number(0, 1)),
    "top_k": of_form(forms.whole(0, 1_000_000)),
    "min_p": of_form(forms.number(0, 1)),
    "seed": of_form(forms.whole(-(2**47), 2**47)),
    "presence_penalty": of_form(forms.number(-2, 2)),
    "frequency_penalty": of_form(forms.number(-2, 2)),
    "repeat_penalty": of_form(forms.number(0, 10)),
    "max_tokens": of_form(forms.whole(1, 10_000_000)),
    "stop": text_or_list,
    "system": text,
    "think": think,
    "lock": lock,
}
_KEY: Mapping[str, Reader] = {
    "sha256": sha256,
    "role": text,
    "weight": of_form(forms.number(0.001, 1000)),
    "models": text_list,
}
_ROLE: Mapping[str, Reader] = {
    "weight": of_form(forms.number(0.001, 1000)),
    "priority": of_form(forms.choice("interactive", "batch")),
    "models": text_list,
    "admin": flag,
}
_SURFACES: Mapping[str, Reader] = {word: of_form(forms.whole(0, 65535)) for word in SURFACES}


class StructureReader:
    """Reads the tables one after the other and collects what is wrong with them."""

    def __init__(self, document: Table, file: str, problems: list[str]) -> None:
        self._document = document
        self._file = file
        self._problems = problems
        self._found = Structure()

    def read(self, base: EngineSettings) -> Structure:
        """`base` says what an engine has that does not say otherwise."""
        found = self._found
        for place, table in self._list_of_tables("engines"):
            self._engine(place, table, base)
        for alias, models in self._table("aliases").items():
            self._value(f"[aliases] {alias}", text_or_list, models, found.aliases, alias)
        for model, place, table in self._tables("models"):
            found.models[model] = _made(ModelDefaults, self._values(place, table, _MODEL))
        for role, place, table in self._tables("roles"):
            values = self._values(place, table, _ROLE)
            found.roles[role] = _changed(found.roles.get(role, RoleSettings(role)), values)
        if "user" not in self._table("roles"):
            found.roles["user"] = found.roles["basic"]
        for key, place, table in self._tables("keys"):
            self._key(key, place, table)
        ports = self._values("[surfaces]", self._table("surfaces"), _SURFACES)
        found.surface_ports += [(surface, cast(int, port)) for surface, port in ports.items()]
        if "cloud_models" in self._document:
            cloud: dict[str, bool] = {}
            self._value("cloud_models", flag, self._document["cloud_models"], cloud, "is")
            found.cloud_models = cloud.get("is", False)
        return found

    def _engine(self, place: str, table: Table, base: EngineSettings) -> None:
        is_ollama = table.get("kind", "ollama") == "ollama"
        url = of_form(urls.ollama_url if is_ollama else urls.engine_url)
        values = self._values(place, table, {**_ENGINE, "url": url})
        for key in ("name", "url"):
            if key not in table:
                self._problem(f"{place} {key}", "given")
        if "name" in values and "url" in values:
            self._found.engines.append(_changed(base, values))

    def _key(self, key: str, place: str, table: Table) -> None:
        values = self._values(place, table, _KEY)
        if "sha256" not in table:
            self._problem(f"{place} sha256", "given: the SHA-256 of the key, 64 hexadecimal digits")
        role = values.get("role", "user")
        if role not in self._found.roles:
            known = ", ".join(self._found.roles)
            self._problem(f"{place} role", f"a role, one of {known}, or one declared in [roles]")
        if "sha256" in values:
            self._found.keys.append(_made(KeySettings, {"name": key, **values}))

    def _values(self, place: str, table: Table, readers: Mapping[str, Reader]) -> dict[str, object]:
        values: dict[str, object] = {}
        for key, value in table.items():
            if reader := readers.get(key):
                self._value(f"{place} {key}", reader, value, values, key)
            else:
                hint = meant(key, readers)
                self._problems.append(f"{self._file}: {place} {key} is unknown{hint}.")
        return values

    def _value(
        self,
        place: str,
        reader: Callable[[object], T],
        value: object,
        into: dict[str, T] | dict[str, object],
        key: str,
    ) -> None:
        try:
            cast("dict[str, T]", into)[key] = reader(value)
        except ValueError as wrong:
            self._problem(place, str(wrong))

    def _problem(self, place: str, accepted: str) -> None:
        self._problems.append(f"{self._file}: {place} must be {accepted}.")

    def _table(self, key: str) -> Table:
        found = self._document.get(key, {})
        if isinstance(found, Mapping):
            return found
        self._problem(key, f"a table, [{key}]")
        return {}

    def _tables(self, key: str) -> list[tuple[str, str, Table]]:
        found = []
        for inner, table in self._table(key).items():
            place = f"[{key}.{inner}]" if _NAME.fullmatch(inner) else f'[{key}."{inner}"]'
            if isinstance(table, Mapping):
                found.append((inner, place, table))
            else:
                self._problem(place, "a table")
        return found

    def _list_of_tables(self, key: str) -> list[tuple[str, Table]]:
        found = self._document.get(key, [])
        if not isinstance(found, list) or not all(isinstance(table, Mapping) for table in found):
            self._problem(key, f"a list of tables, [[{key}]]")
            return []
        return [(f"[[{key}]] number {count}", table) for count, table in enumerate(found, 1)]


def meant(word: str, known: Iterable[str]) -> str:
    """What somebody probably meant, to be put behind what they wrote."""
    found = get_close_matches(word, sorted(known), 1, 0.7)
    return f" (did you mean {found[0]}?)" if found else ""


def _made(kind: Callable[..., T], values: Mapping[str, object]) -> T:
    return kind(**values)


def _changed(base: T, values: Mapping[str, object]) -> T:
    return cast("Callable[..., T]", replace)(base, **values)
