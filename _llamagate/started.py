"""What is told to people: what listens where, and what to set in other programs. How it is said
is left to the command line and the pages."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    addresses: tuple[tuple[str, str], ...]  # surface and URL; the gateway's own comes first
    auth: bool  # is a key asked for
    made_key: str = field(default="", repr=False)  # made on this very start, to be shown once
    engines_up: tuple[str, ...] = ()  # their names
    engines_down: tuple[str, ...] = ()
    model: str = ""  # one that is there, for an example to try


def client_variables(url: str, key: str) -> dict[str, str]:
    """What other programs read from their environment to find the gateway."""
    return {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": key,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
        "OLLAMA_HOST": url,
        "OLLAMA_API_KEY": key,
    }
