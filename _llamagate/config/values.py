"""The shapes of what an operator declares, beyond single words and numbers.

They hold what was said, checked and in natural units. What follows from it is decided in the
rooms that read them.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit


class ConfigError(Exception):
    """Everything that is wrong with the settings, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """One engine as the operator declared it."""

    name: str
    kind: str  # ollama, openai, transformers
    url: str  # scheme://host:port/prefix, no userinfo; "" for one that the gateway starts
    key: str = field(default="", repr=False)
    models: tuple[str, ...] = ()  # served by name without asking the engine; () asks it
    weight: float = 1.0
    slots: int | None = None  # None: as SLOTS says
    timeout: float = 300.0  # to the first event and between events
    probe_timeout: float = 5.0
    ca_file: str = ""

    @property
    def place(self) -> str:
        """For people: its name, and its address where it has one of its own."""
        return f"{self.name} at {self.url}" if self.url else self.name

    @property
    def api(self) -> str:
        """Where OpenAI's API begins, beyond the URL: an address without a path means /v1; with
        one, it is taken as it is."""
        return "" if urlsplit(self.url).path.strip("/") else "/v1"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A leaky bucket: how fast it drains, and how much it holds."""

    rate: float  # requests per second
    capacity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDefaults:
    """What a model is asked with where the client did not say. None: the engine decides."""

    num_ctx: int | None = None
    keep_alive: float | str | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    system: str | None = None
    think: bool | str | None = None
    lock: tuple[str, ...] = ()  # fields that a client may not override


@dataclass(frozen=True, slots=True)
class KeySettings:
    """A key that the file knows by its hash only."""

    name: str
    sha256: str = field(repr=False)  # lower-case hexadecimal
    role: str = "user"
    weight: float | None = None  # None: as the role says
    models: tuple[str, ...] | None = None  # None: as the role says


@dataclass(frozen=True, slots=True)
class RoleSettings:
    name: str
    weight: float = 1.0
    priority: str = "interactive"  # interactive, batch
    models: tuple[str, ...] | None = None  # allow-list; None is every model
    admin: bool = False


BUILT_IN_ROLES = (
    RoleSettings("admin", admin=True),
    RoleSettings("basic"),
    RoleSettings("premium", weight=2.0),
    RoleSettings("user"),  # another word for basic
)
