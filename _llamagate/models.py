"""What an operator says of models by their names: aliases, defaults and locks, who may use what.

Permissions, routing, the queue and the cache see canonical names only (`wires/names.py`). Which
engine has a model, and how that engine spells it, is the pool's to know.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Generic, TypeVar

from msgspec.structs import replace as changed

from _llamagate.config.values import ModelDefaults
from _llamagate.errors import InvalidRequest, NoSuchModel, NotAllowed
from _llamagate.exchange import Caller, Chat, Completion, Embed, Message, Model
from _llamagate.wires.names import LONGEST, canonical, leaves_machine

__all__ = ["Names", "Resolved", "canonical", "leaves_machine"]

_UNSAID: tuple[object, ...] = (None, ())

T = TypeVar("T")
Request = TypeVar("Request", bound=Chat | Completion | Embed)


class Patterns(Generic[T]):
    """Values by name, where `*` in a name stands for anything. An exact name comes first, then
    the pattern with the most letters."""

    def __init__(self, table: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, T] = {}
        wild: list[tuple[str, T]] = []
        for written, value in table:
            name = written.strip().lower()
            if "*" in name:
                wild.append((name, value))
            else:
                self._exact |= dict.fromkeys(_forms(written), value)
        wild.sort(key=lambda item: -len(item[0]))
        self._wild = [(_pattern(name), value) for name, value in wild]

    def exact(self, names: Collection[str]) -> T | None:
        return next((self._exact[name] for name in names if name in self._exact), None)

    def wild(self, names: Collection[str]) -> T | None:
        for pattern, value in self._wild:
            if any(pattern.fullmatch(name) for name in names):
                return value
        return None

    def find(self, name: str) -> T | None:
        forms = _forms(name)
        found = self.exact(forms)
        return found if found is not None else self.wild(forms)


def _forms(spelling: str) -> tuple[str, ...]:
    """As written, and its canonical form; an alias need not be a name that an engine could have."""
    written = spelling.strip().lower()
    try:
        return written, canonical(written)
    except InvalidRequest:
        return (written,)


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))))


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a spelling stands for, first choice first."""

    names: tuple[str, ...]  # canonical
    spelled: tuple[str, ...]  # the same as they were written
    asked: str  # as the client wrote it


class Names:
    """What the operator says of names; looked up once a spelling, then remembered."""

    def __init__(
        self,
        aliases: Mapping[str, tuple[str, ...]],
        defaults: Mapping[str, ModelDefaults],
        default_model: str = "",
        cloud: bool = False,
    ) -> None:
        self._resolve_for = lru_cache(maxsize=4096)(self._resolve)
        self.replace(aliases, defaults, default_model, cloud)

    def replace(
        self,
        aliases: Mapping[str, tuple[str, ...]],
        defaults: Mapping[str, ModelDefaults],
        default_model: str = "",
        cloud: bool = False,
    ) -> None:
        self.aliases = dict(aliases)
        self.default_model = default_model
        self.cloud = cloud
        self._aliases = Patterns(aliases.items())
        standing = Patterns((name, _Standing(said)) for name, said in defaults.items())
        self._standing_for = lru_cache(maxsize=4096)(standing.find)
        self._resolve_for.cache_clear()

    def resolve(self, spelling: str, caller: Caller) -> Resolved:
        """Raises NoSuchModel for what the caller may not use, as if it were not there."""
        return self._resolve_for(spelling, caller.models)

    def _resolve(self, spelling: str, allowed: tuple[str, ...] | None) -> Resolved:
        asked = (spelling.strip() if len(spelling) <= LONGEST else spelling) or self.default_model
        if not asked:
            raise InvalidRequest(
                "Name a model: none was asked for and no default is configured (OLLAMA_MODEL).",
                param="model",
            )
        wanted = self._targets(asked)
        if allowed is not None and not _allows(allowed, asked):
            wanted = [name for name in wanted if _allows(allowed, name)]
            if not wanted:
                raise NoSuchModel.named(asked)
        staying = [name for name in wanted if self.cloud or not leaves_machine(name)]
        if not staying:
            raise NotAllowed(
                f"The model `{asked}` runs on ollama.com, not on this machine. "
                "An administrator can allow such models: cloud_models = true in llamagate.toml.",
                param="model",
            )
        return Resolved(tuple(map(canonical, staying)), tuple(staying), asked)

    def _targets(self, asked: str) -> Sequence[str]:
        """An exact alias wins over a model of its name; one with `*` steps in for a missing one."""
        forms = _forms(asked)
        if exact := self._aliases.exact(forms):
            return exact
        return (asked, *(self._aliases.wild(forms) or ()))

    def visible(self, caller: Caller, models: Sequence[Model]) -> list[Model]:
        """The models, and the aliases that lead to one of them, that this caller may use."""
        shown: dict[str, Model] = {}
        there = {canonical(model.name): model for model in models}
        for name, model in there.items():
            if self.usable(name, caller):
                shown[name] = model
        for alias, targets in self.aliases.items():
            found = next((there[t] for t in map(canonical, targets) if t in there), None)
            if found and "*" not in alias and self.usable(alias, caller):
                shown[canonical(alias)] = _called(alias, found)
        return list(shown.values())

    def usable(self, name: str, caller: Caller) -> bool:
        try:
            self.resolve(name, caller)
        except (NoSuchModel, NotAllowed):
            return False
        return True

    def permits(self, name: str, caller: Caller) -> bool:
        """May this caller do anything with a name, whether or not there is such a model?"""
        return caller.models is None or _allows(caller.models, name)

    # ------------------------------------------------------------ defaults and locks

    def locks(self, name: str, field: str) -> bool:
        """Is a field of this model the operator's alone?"""
        standing = self._standing_for(name)
        return standing is not None and field in standing.locked

    def apply(self, request: Request, name: str) -> Request:
        """The request with this model's defaults where the client said nothing, and its locks."""
        standing = self._standing_for(name)
        if standing is None:
            return request
        changes = standing.changes(request)
        return changed(request, **changes) if changes else request


def _allows(allowed: tuple[str, ...], name: str) -> bool:
    return Patterns((entry, True) for entry in allowed).find(name) is not None


def _called(alias: str, model: Model) -> Model:
    entry = {
        key: alias if key in ("name", "model", "id") else value
        for key, value in model.entry.items()
    }
    return changed(model, name=alias, entry=entry)


class _Standing:
    """One model's defaults, laid out for asking what they change in a request."""

    def __init__(self, defaults: ModelDefaults) -> None:
        values = {f.name: getattr(defaults, f.name) for f in fields(defaults)}
        self.locked = frozenset(values.pop("lock"))
        self._system: str | None = values.pop("system")
        self._values = {
            name: value
            for name, value in values.items()
            if value not in _UNSAID or name in self.locked
        }

    def changes(self, request: Chat | Completion | Embed) -> dict[str, object]:
        if isinstance(request, Embed):
            return self._embed_changes(request)
        changes: dict[str, object] = {}
        for name, value in self._values.items():
            said = getattr(request, name)
            if said != value and (said in _UNSAID or name in self.locked):
                changes[name] = value
        return changes | self._system_changes(request)

    def _embed_changes(self, request: Embed) -> dict[str, object]:
        """Nothing is sampled; what is left says how the model is loaded."""
        changes: dict[str, object] = {}
        keep_alive = self._values.get("keep_alive", request.keep_alive)
        if keep_alive != request.keep_alive and (
            request.keep_alive is None or "keep_alive" in self.locked
        ):
            changes["keep_alive"] = keep_alive
        if "num_ctx" in self._values and (
            "num_ctx" not in request.options or "num_ctx" in self.locked
        ):
            options = {**request.options, "num_ctx": self._values["num_ctx"]}
            changes["options"] = {k: v for k, v in options.items() if v is not None}
        return changes

    def _system_changes(self, request: Chat | Completion) -> dict[str, object]:
        locked = "system" in self.locked
        if self._system is None and not locked:
            return {}
        if isinstance(request, Completion):
            settled = request.raw or (request.system is not None and not locked)
            return {} if settled or request.system == self._system else {"system": self._system}
        others = tuple(m for m in request.messages if m.role not in ("system", "developer"))
        if len(others) < len(request.messages) and not locked:
            return {}
        ours = (Message("system", self._system),) if self._system else ()
        return {"messages": (*ours, *others)}
