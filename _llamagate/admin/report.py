"""What administrators are told: the bodies of /admin/, for whoever writes and whoever reads them.

Told by `routes`, read by the command line. A reader skips fields that it does not know.
"""

from msgspec import Struct


class Turn(Struct, frozen=True):
    caller: str
    person: str  # behind the caller, where a client names one
    priority: str  # interactive, batch
    seconds: float  # it has run, or waited
    number: int  # the same in every line it waits in; 0 when it never waited


class Line(Struct, frozen=True):
    """Who runs one model on one engine, and who waits for it."""

    engine: str
    model: str
    slots: int
    slots_learned: bool
    answer_seconds: float  # the mean of late
    running: list[Turn]
    waiting: list[Turn]  # the next one first


class InMemory(Struct, frozen=True):
    """A model in an engine's memory. 0 is: the engine does not say."""

    name: str
    size: int
    size_vram: int
    context_length: int
    expires: float  # unix seconds


class Engine(Struct, frozen=True):
    name: str
    kind: str
    url: str
    up: bool
    draining: bool
    reason: str  # why it is not up
    running: int
    waiting: int
    tokens_per_second: float
    models: list[str]
    residents: list[InMemory]
    resting: list[str]  # models it failed at of late
    activity: list[str] = []  # what it does beside answering, such as a download

    @property
    def condition(self) -> str:
        if self.draining:
            return "drained" if self.up else "drained, down"
        return "up" if self.up else "down"


class Totals(Struct, frozen=True):
    """Since the start."""

    requests: int
    failed: int
    cancelled: int
    limited: int
    prompt_tokens: int
    completion_tokens: int


class State(Struct, frozen=True):
    version: str
    uptime_seconds: float
    requests_in_flight: int
    requests_waiting: int
    totals: Totals
    engines: list[Engine]
    lines: list[Line]


class Tested(Struct, frozen=True):
    """What an engine said when it was asked just now."""

    name: str
    kind: str
    url: str
    up: bool
    reason: str
    milliseconds: float
    models: list[str]
