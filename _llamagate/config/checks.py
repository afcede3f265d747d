"""What can only be seen when all settings are together: those that contradict each other, and
those that are allowed but probably not meant."""

from collections import Counter
from urllib.parse import urlsplit

from _llamagate.config.settings import Config
from _llamagate.config.values import EngineSettings

_LOCALHOST = frozenset({"localhost", "127.0.0.1", "::1"})
# Keys that stand in somebody's documentation: everybody knows them.
EXAMPLE_KEYS = frozenset(
    {
        "sk-llamagate",
        "test-key-123",
        "demo-key-456",
        "your-api-key",
        "your-api-key-here",
        "your-strong-secret-key-here",
        "your-key-1",
        "your-key-2",
        "your-key-3",
        "your-custom-key",
        "your-custom-api-key",
        "token_for_user1",
        "token_for_user2",
        "token_for_user3",
        "changeme",
        "change-me",
        "secret",
        "password",
    }
)


def check(config: Config, problems: list[str]) -> list[str]:
    """Adds to `problems`, and returns warnings."""
    problems += _tls(config) + _ports(config) + _engine_names(config)
    warnings = [sentence for engine in config.engines for sentence in _itself(config, engine)]
    for name in _example_keys(config):
        if config.loopback_only or config.auth == "off":
            warnings.append(f"{name} is a key from the documentation; make one of your own.")
        else:
            problems.append(
                f"{name} is a key from the documentation, which everybody knows; "
                f"make one of your own before listening on {config.host}."
            )
    if config.admin_key and config.admin_key in (config.api_key, *config.api_keys):
        warnings.append(
            "ADMIN_KEY is also a key of API_KEY or API_KEYS, so that whoever has it is an "
            "administrator; give administrators a key of their own."
        )
    return warnings


def _example_keys(config: Config) -> list[str]:
    keys = [("API_KEY", config.api_key), ("ADMIN_KEY", config.admin_key)]
    keys += [("API_KEYS", key) for key in config.api_keys]
    return list(dict.fromkeys(name for name, key in keys if key.lower() in EXAMPLE_KEYS))


def _tls(config: Config) -> list[str]:
    files = {"TLS_CERT_FILE": config.tls_cert_file, "TLS_KEY_FILE": config.tls_key_file}
    given = {name: file for name, file in files.items() if file}
    problems = [
        f"{name}: there is no file {file}." for name, file in given.items() if not file.is_file()
    ]
    if len(given) == 1:
        missing = next(name for name in files if name not in given)
        problems.append(f"{missing} must be set too: https needs certificate and key.")
    return problems


def _ports(config: Config) -> list[str]:
    ports = Counter([config.port, *(port for _, port in config.surface_ports)])
    return [
        f"Port {port} is given {count} times in PORT and SURFACE_PORTS; each needs its own."
        for port, count in ports.items()
        if count > 1 and port  # 0 is any free one
    ]


def _engine_names(config: Config) -> list[str]:
    counts = Counter(engine.name for engine in config.engines)
    return [
        f"Engine {name} is declared {count} times; each needs a name of its own."
        for name, count in counts.items()
        if count > 1
    ]


def _itself(config: Config, engine: EngineSettings) -> list[str]:
    """The lines of `llamagate env`, pasted where the gateway starts, make it call itself."""
    url = urlsplit(engine.url)
    own_ports = {config.port, *(port for _, port in config.surface_ports)}
    if url.port not in own_ports or not _covers(config.host, url.hostname or ""):
        return []
    return [
        f"Engine {engine.name} at {engine.url} is this gateway itself. Give the engine's own "
        f"address in LLAMAGATE_OLLAMA_HOST, or another port to one of them."
    ]


def _covers(host: str, target: str) -> bool:
    """Does a listener on `host` answer at `target`, on this machine?"""
    if host in ("0.0.0.0", "::", "localhost") or target == "localhost":
        return target in _LOCALHOST and host in {"0.0.0.0", "::", *_LOCALHOST}
    return host == target
