"""The engines: do they answer, do they have models, and what commonly surprises people there."""

import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from _llamagate.cli.ask import Answer, NoAnswer, ask
from _llamagate.cli.doctor.finding import Finding, fail, ok, warn
from _llamagate.cli.doctor.transformers import look_at_transformers
from _llamagate.config import Config, EngineSettings

_SMALL_CONTEXT = 4096  # Ollama's own choice with little video memory
_CLOCKS_APART = 60.0  # seconds


def look_at_engines(config: Config) -> Iterator[Finding]:
    if not config.engines:
        yield fail("engines", "none is set; name one in OLLAMA_HOST or OPENAI_ENGINES.")
    models: set[str] = set()
    for engine in config.engines:
        if engine.kind == "transformers":
            yield from look_at_transformers(config)
            continue
        subject = f"engine {engine.name}"
        try:
            answer = _ask(engine, _models_path(engine))
        except NoAnswer as reason:
            yield fail(subject, f"{engine.url} does not answer ({reason}). {_start(engine)}")
            continue
        if answer.status != 200:
            yield fail(subject, _refused(engine, answer.status))
            continue
        found = _names(answer.fields())
        models |= found
        yield ok(subject, f"answers at {engine.url}.")
        yield _has_models(engine, found)
        yield from _clock(engine, answer)
        if engine.kind == "ollama":
            yield from _ollama(config, engine)
    if models:
        yield from _default_model(config, models)


def _ask(engine: EngineSettings, path: str) -> Answer:
    tls = None
    if engine.url.startswith("https:"):
        try:
            tls = ssl.create_default_context(cafile=engine.ca_file or None)
        except OSError as error:
            raise NoAnswer(f"ca_file {engine.ca_file} cannot be used: {error}") from error
    return ask(engine.url + path, engine.probe_timeout, key=engine.key, tls=tls)


def _models_path(engine: EngineSettings) -> str:
    return "/api/tags" if engine.kind == "ollama" else f"{engine.api}/models"


def _start(engine: EngineSettings) -> str:
    if engine.kind == "ollama":
        return "Start Ollama there (ollama serve), or set OLLAMA_HOST to where it is."
    return "Start it, or correct its address in OPENAI_ENGINES or llamagate.toml."


def _refused(engine: EngineSettings, status: int) -> str:
    if status in (401, 403):
        return f"{engine.url} refuses our key ({status}); set `key` of the engine, or its _API_KEY."
    return f"{engine.url} answers {status} where its models should be; is that the right address?"


def _names(fields: Mapping[str, object]) -> set[str]:
    """Both wires: Ollama's `models` have `name`, OpenAI's `data` have `id`."""
    entries = fields.get("models") or fields.get("data")
    if not isinstance(entries, list):
        return set()
    found = [entry.get("name") or entry.get("id") for entry in entries if isinstance(entry, dict)]
    return {name for name in found if isinstance(name, str)}


def _has_models(engine: EngineSettings, models: set[str]) -> Finding:
    subject = f"models of {engine.name}"
    if models:
        return ok(subject, f"{len(models)}, such as {min(models)}.")
    if engine.kind == "ollama":
        return warn(subject, "there are none; pull one, for example: ollama pull llama3.2")
    return warn(subject, "it lists none; load one, or name them in `models` of the engine.")


def _default_model(config: Config, models: set[str]) -> Iterator[Finding]:
    targets = [(name, target) for name, found in config.aliases.items() for target in found]
    if config.default_model and config.model_backend == "ollama":
        targets.append(("OLLAMA_MODEL", config.default_model))
    for name, target in targets:
        known = {target, f"{target}:latest"} & models or target in config.aliases
        if not known:
            yield warn("models", f"no engine has {target}, which {name} stands for.")


def _clock(engine: EngineSettings, answer: Answer) -> Iterator[Finding]:
    date = answer.headers.get("Date")
    if not date:
        return
    try:
        apart = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return
    if abs(apart) > _CLOCKS_APART:
        yield warn("clock", f"it differs from that of {engine.name} by {abs(apart):.0f} s; "
                   "let both machines take their time from the network.")  # fmt: skip


def _ollama(config: Config, engine: EngineSettings) -> Iterator[Finding]:
    yield from _context(config, engine)
    host = urlsplit(engine.url).hostname or ""
    if not _is_here(host):
        yield ok(f"way around to {engine.name}", "it is on another machine, where only a firewall "
                 "can see to it that nobody but this gateway reaches it.")  # fmt: skip
        return
    if "OLLAMA_NUM_PARALLEL" not in os.environ:
        yield warn("OLLAMA_NUM_PARALLEL", "not set here. Unless it is set where Ollama starts, a "
                   "model answers one request at a time; 2 to 4 suits several people.")  # fmt: skip
    yield _way_around(engine)


def _context(config: Config, engine: EngineSettings) -> Iterator[Finding]:
    subject = f"context of {engine.name}"
    try:
        resident = _ask(engine, "/api/ps").fields().get("models")
    except NoAnswer:
        resident = None
    if not isinstance(resident, list) or not resident:
        yield ok(subject, "no model is in memory, so there is nothing to see.")
        return
    for model in resident:
        name, context = str(model.get("name")), model.get("context_length")
        defaults = config.models.get(name)
        if not isinstance(context, int) or (defaults and defaults.num_ctx):
            continue
        if context <= _SMALL_CONTEXT:
            yield warn(subject, f"{name} runs with {context} tokens, and what does not fit is cut "
                       "off without a word: tools and long talks need more. Set num_ctx in "
                       f'[models."{name}"] of llamagate.toml, or OLLAMA_CONTEXT_LENGTH for '
                       "Ollama.")  # fmt: skip
        else:
            yield ok(subject, f"{name} runs with {context} tokens.")


def _way_around(engine: EngineSettings) -> Finding:
    """Is it reached from the network too, without our keys and limits?"""
    port = urlsplit(engine.url).port or 0
    subject = f"way around to {engine.name}"
    address = _own_address()
    if not address or not _accepts(address, port):
        return ok(subject, "none; from the network it is reached through the gateway only.")
    return warn(subject, f"it answers at {address}:{port} too, where no key is asked for. "
                "Start Ollama with OLLAMA_HOST=127.0.0.1.")  # fmt: skip


def _accepts(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def _own_address() -> str:
    """As the network sees this machine; "" where there is none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards_anywhere:
        try:
            towards_anywhere.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(towards_anywhere.getsockname()[0])


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
