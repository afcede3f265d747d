"""`llamagate models`: what there is, what is in memory, and changing both.

Everything goes through the gateway's own doors, so that it counts, waits and is logged like what
any other client does. Pulling is `pull`'s.
"""

import sys
from datetime import UTC, datetime
from urllib.parse import quote

from msgspec import Struct

from _llamagate.cli.failure import Failed
from _llamagate.cli.pull import pull
from _llamagate.cli.running import RunningGateway
from _llamagate.cli.text import plain, size, span, table
from _llamagate.config import Config

_FOR_EVER = 10 * 365 * 86400.0  # seconds; who keeps a model for ever says the year 2300 or so


class _Details(Struct, frozen=True):
    family: str = ""
    parameter_size: str = ""
    quantization_level: str = ""


class _Listed(Struct, frozen=True):
    name: str
    size: int = 0
    modified_at: str = ""
    details: _Details | None = None
    capabilities: list[str] = []

    @property
    def facts(self) -> _Details:
        return self.details or _Details()


class _Tags(Struct, frozen=True):
    models: list[_Listed]


class _InMemory(Struct, frozen=True):
    name: str
    size: int = 0
    size_vram: int = 0
    context_length: int = 0
    expires_at: str = ""


class _Memory(Struct, frozen=True):
    models: list[_InMemory]


class _Loaded(Struct, frozen=True):
    status: str
    model_id: str | None = None
    method: str = ""


class _Shown(Struct, frozen=True):
    details: _Details | None = None
    model_info: dict[str, object] = {}
    capabilities: list[str] = []
    parameters: str = ""
    system: str = ""
    license: str = ""
    modified_at: str = ""


def models(config: Config, action: str, name: str, *, engine: str, yes: bool) -> int:
    gateway = RunningGateway(config)
    on_engine = f"?engine={quote(engine, safe='')}" if engine else ""
    match action:
        case "ps":
            print("\n".join(_in_memory(gateway.get("/api/ps", _Memory).models)))
        case "pull":
            pull(gateway, name, f"/api/pull{on_engine}")
        case "load":
            print(_loaded(gateway.post("/models/load", _Loaded, model_id=name), name))
        case "unload":
            asked = {"model_id": name} if name else {}
            print(_unloaded(gateway.post("/models/unload", _Loaded, **asked)))
        case "rm":
            if not yes:
                _confirm(name, engine or "every engine that has it")
            gateway.delete(f"/api/delete{on_engine}", model=name)
            print(f"{plain(name)} is deleted.")
        case "show":
            print("\n".join(_shown(gateway.post("/api/show", _Shown, model=name), name)))
        case _:
            print("\n".join(_listed(gateway.get("/api/tags", _Tags).models)))
    return 0


def _listed(found: list[_Listed]) -> list[str]:
    if not found:
        return ["No engine has a model. Pull one, for example: llamagate models pull llama3.2"]
    rows = [
        (
            model.name,
            size(model.size) if model.size else "",
            model.facts.parameter_size,
            model.facts.quantization_level,
            model.modified_at[:10],
            ", ".join(model.capabilities),
        )
        for model in found
    ]
    head = ("MODEL", "SIZE", "PARAMETERS", "QUANTIZED", "CHANGED", "CAN")
    return table(head, rows, right=("SIZE", "PARAMETERS"))


def _in_memory(found: list[_InMemory]) -> list[str]:
    if not found:
        return ["No model is in memory. The first request for one loads it."]
    rows = [
        (
            model.name,
            size(model.size) if model.size else "",
            f"{100 * model.size_vram // model.size} %" if model.size else "",
            str(model.context_length or ""),
            _left(model.expires_at),
        )
        for model in found
    ]
    head = ("MODEL", "SIZE", "ON GPU", "CONTEXT", "STAYS")
    return table(head, rows, right=("SIZE", "ON GPU", "CONTEXT", "STAYS"))


def _left(expires: str) -> str:
    try:
        until = datetime.fromisoformat(expires)
    except ValueError:
        return ""
    seconds = (until - datetime.now(UTC)).total_seconds()
    if seconds > _FOR_EVER:
        return "for ever"
    return span(seconds) if seconds > 0 else "leaves"


def _loaded(answer: _Loaded, name: str) -> str:
    where = ", on the GPU" if answer.method == "gpu_module" else ""
    return f"{plain(name)} is in memory{where}."


def _unloaded(answer: _Loaded) -> str:
    if answer.status != "unloaded":
        return "Nothing was unloaded: say which model; `llamagate models ps` lists them."
    return f"{plain(answer.model_id or '')} is out of memory."


def _confirm(name: str, place: str) -> None:
    """Where somebody is there to ask."""
    if not sys.stdin.isatty():
        return
    question = f"Delete {plain(name)} from {plain(place)}? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed(f"{plain(name)} was not deleted.")


def _shown(model: _Shown, name: str) -> list[str]:
    details = model.details or _Details()
    context = [
        str(value) for key, value in model.model_info.items() if key.endswith(".context_length")
    ]
    facts = {
        "family": details.family,
        "parameters": details.parameter_size,
        "quantized": details.quantization_level,
        "context": "".join(context[:1]),
        "can": ", ".join(model.capabilities),
        "changed": model.modified_at[:10],
        "licence": model.license.strip().partition("\n")[0],
    }
    known = [(key, value) for key, value in facts.items() if value]
    return [
        *table((plain(name), ""), known),
        *_block("Set for it", model.parameters),
        *_block("System prompt", model.system),
    ]


def _block(title: str, text: str) -> list[str]:
    lines = [f"  {plain(' '.join(line.split()), 1000)}" for line in text.strip().splitlines()]
    return ["", title, *lines] if lines else []
