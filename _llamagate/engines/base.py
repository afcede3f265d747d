"""What the gateway asks of an engine, and what every kind has in common. No I/O here."""

from typing import Protocol

from _llamagate.config import EngineSettings
from _llamagate.exchange import Call, Chat, Completion, Embed, Embedded, Events, Model, Resident

HOPS = "X-LlamaGate-Hops"
VIA = "X-LlamaGate-Via"


def call_headers(call: Call) -> dict[str, str]:
    """All that an engine learns of a request beside its body: none of the client's headers."""
    return {
        "Content-Type": "application/json",
        "X-Request-ID": call.id,
        HOPS: str(call.hops + 1),
        VIA: call.via,
    }


class Engine(Protocol):
    """An upstream. Everything raises EngineError and its kin, nothing else."""

    @property
    def settings(self) -> EngineSettings: ...

    def generate(self, request: Chat | Completion, call: Call) -> Events:
        """Run it. `request.model` is this engine's own spelling."""

    async def embed(self, request: Embed, call: Call) -> Embedded: ...

    async def models(self) -> list[Model]:
        """What it can serve. This is also the probe: an engine that answers is up."""

    async def resident(self) -> list[Resident]:
        """What is in its memory now; [] where the engine cannot say."""

    async def context_length(self, model: str) -> int:
        """How much a model can read, asked of the engine itself; 0 where it cannot say."""

    def activity(self) -> list[str]:
        """What it does beside answering, such as a download, in words for people."""

    async def close(self) -> None: ...
