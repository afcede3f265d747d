"""The settings (being written)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine as the operator declared it."""

    name: str
    kind: str  # ollama, openai, transformers
    url: str  # scheme://host:port/prefix, no userinfo
    key: str = field(default="", repr=False)
    models: tuple[str, ...] = ()  # served by name without asking the engine; () asks it
    weight: float = 1.0
    slots: int | None = None  # None: as SLOTS says
    timeout: float = 300.0  # to the first event and between events
    probe_timeout: float = 5.0
    ca_file: str = ""
