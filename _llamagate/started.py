"""What the application tells once it listens. How it is said is left to the command line."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    addresses: tuple[tuple[str, str], ...]  # surface and URL; the gateway's own comes first
    auth: bool  # is a key asked for
    made_key: str = field(default="", repr=False)  # made on this very start, to be shown once
    engines_up: tuple[str, ...] = ()  # their names
    engines_down: tuple[str, ...] = ()
    model: str = ""  # one that is there, for an example to try
