"""An engine without a wire: it lists, fails and hangs as it is told."""

import asyncio
from dataclasses import dataclass, field

from _llamagate.config import EngineSettings
from _llamagate.errors import EngineError
from _llamagate.exchange import (
    Call,
    Chat,
    Completion,
    Embed,
    Embedded,
    Events,
    Finish,
    Model,
    Resident,
    Text,
)


@dataclass(eq=False)
class PaperEngine:
    settings: EngineSettings
    listed: list[Model] = field(default_factory=list)
    loaded: list[Resident] = field(default_factory=list)
    failure: EngineError | None = None
    delay: float = 0.0  # seconds to a list
    asked: int = 0  # how many times it was asked for its list
    closed: bool = False
    doing: list[str] = field(default_factory=list)

    async def generate(self, request: Chat | Completion, call: Call) -> Events:
        yield [Text("ok"), Finish("stop")]

    async def embed(self, request: Embed, call: Call) -> Embedded:
        return Embedded([[0.0] for _ in request.inputs])

    async def context_length(self, model: str) -> int:
        return 0

    async def models(self) -> list[Model]:
        self.asked += 1
        listed = list(self.listed)
        await asyncio.sleep(self.delay)
        if self.failure:
            raise self.failure
        return listed

    async def resident(self) -> list[Resident]:
        return self.loaded

    def activity(self) -> list[str]:
        return self.doing

    async def close(self) -> None:
        self.closed = True


def paper(
    name: str, *models: str, kind: str = "ollama", declared: tuple[str, ...] = (), **more: object
) -> PaperEngine:
    """An engine that lists these models, each newer than the one before."""
    settings = EngineSettings(name, kind, f"http://{name}:11434", models=declared, **more)
    return PaperEngine(settings, [Model(model, modified=i) for i, model in enumerate(models)])
