"""Models in folders, and a Python that can serve and download them: see tests/fakes/site."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _llamagate.config import EngineSettings
from _llamagate.engines.python import Python
from _llamagate.engines.snapshots import Snapshots
from _llamagate.engines.transformers import TransformersEngine

SITE = Path(__file__).parent / "site"
TEMPLATE = "{{ messages }} {{ tools }}"


def make_model(folder: Path, template: str = TEMPLATE, **habits: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "toy", "max_position_embeddings": 512}')
    (folder / "model.safetensors").write_bytes(b"\0" * 1000)
    (folder / "habits.json").write_text(json.dumps(habits))
    if template:
        (folder / "chat_template.jinja").write_text(template)
    return folder


def lines(file: Path) -> list[dict[str, Any]]:
    """What a fake noted."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@dataclass
class Workshop:
    folder: Path
    engines: list[TransformersEngine] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "hub").mkdir()
        self.environ |= {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SITE),
            "FAKE_HUB": str(self.folder / "hub"),
        }

    def on_hub(self, name: str, **habits: Any) -> Path:
        return make_model(self.folder / "hub" / name, **habits)

    def model(self, name: str = "toy", **habits: Any) -> Path:
        return make_model(self.folder / name, **habits)

    def engine(self, *models: Path | str, token: str = "", **more: Any) -> TransformersEngine:
        settings = EngineSettings(
            "transformers", "transformers", "", models=tuple(map(str, models)), **more
        )
        python = Python(Path(sys.executable), self.environ)
        snapshots = Snapshots(python, self.folder / "data", token, settings.timeout)
        made = TransformersEngine(settings, python, snapshots)
        self.engines.append(made)
        return made

    async def close(self) -> None:
        for engine in self.engines:
            await engine.close()
