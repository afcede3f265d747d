"""The demo engine's models: what it lists and shows of them, and which are "in memory"."""

import hashlib
import math
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CONTEXT = 8192
DIMENSIONS = 64
_STAY = 300.0  # seconds a model stays in memory after use, as Ollama's

Entry = dict[str, Any]


class Refusal(Exception):
    """A request that the demo turns down, as Ollama would."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class DemoModel:
    name: str
    capabilities: tuple[str, ...]
    modified: str  # the newest is what a request without a model gets
    paced: bool = False


_SPEAKS = ("completion", "tools", "thinking")
MODELS = (
    DemoModel("demo:latest", _SPEAKS, "2026-01-03T00:00:00Z", paced=True),
    DemoModel("demo-fast:latest", _SPEAKS, "2026-01-02T00:00:00Z"),
    DemoModel("demo-embed:latest", ("embedding",), "2026-01-01T00:00:00Z"),
)


def find(name: str) -> DemoModel:
    full = name if ":" in name else f"{name}:latest"
    for model in MODELS:
        if model.name == full.casefold():
            return model
    raise Refusal(404, f"model '{name}' not found")


def tags() -> Entry:
    return {"models": [{**_entry(model), "modified_at": model.modified} for model in MODELS]}


def show(model: DemoModel) -> Entry:
    entry = _entry(model)
    return {
        "license": "The licence of LlamaGate.",
        "modelfile": f"# There is no model behind {model.name}: it is a demo.\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": entry["details"],
        "model_info": {
            "general.architecture": "demo",
            "demo.context_length": CONTEXT,
            "demo.embedding_length": DIMENSIONS,
        },
        "capabilities": entry["capabilities"],
        "modified_at": model.modified,
    }


class Memory:
    """Which models are loaded, and until when."""

    def __init__(self) -> None:
        self._expires: dict[DemoModel, float] = {}

    def keep(self, model: DemoModel, keep_alive: float | str | None) -> None:
        stay = _STAY if keep_alive is None else _seconds(keep_alive)
        if stay == 0:
            self._expires.pop(model, None)
        else:
            self._expires[model] = math.inf if stay < 0 else time.time() + stay

    def holds(self, model: DemoModel) -> bool:
        return self._expires.get(model, 0.0) > time.time()

    def listing(self) -> Entry:
        return {
            "models": [
                {
                    **_entry(model),
                    "expires_at": _until(self._expires[model]),
                    "size_vram": 0,
                    "context_length": CONTEXT,
                }
                for model in MODELS
                if self.holds(model)
            ]
        }


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _until(expires: float) -> str:
    return "2300-01-01T00:00:00Z" if expires == math.inf else stamp(expires)


def _entry(model: DemoModel) -> Entry:
    return {
        "name": model.name,
        "model": model.name,
        "size": 1024,
        "digest": hashlib.sha256(model.name.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "demo",
            "family": "demo",
            "families": ["demo"],
            "parameter_size": "0",
            "quantization_level": "none",
            "context_length": CONTEXT,
            "embedding_length": DIMENSIONS,
        },
        "capabilities": list(model.capabilities),
    }


def _seconds(keep_alive: float | str) -> float:
    """Seconds, or a duration as Go writes them: 10m, 1h30m, -1s."""
    if not isinstance(keep_alive, str):
        return keep_alive
    if not re.fullmatch(r"-?(\d+(\.\d+)?(h|ms|m|s))+|0", keep_alive):
        raise Refusal(400, f'time: invalid duration "{keep_alive}"')
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", keep_alive)
    total = sum(float(amount) * units[unit] for amount, unit in parts)
    return -total if keep_alive.startswith("-") else total
