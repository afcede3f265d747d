"""What a person sees when the gateway is up: the address, the key, a line to try, and where other
programs are to be pointed."""

import json

from _llamagate import __version__
from _llamagate.cli.address import UNKNOWN_KEY, UNUSED_KEY, dialled
from _llamagate.cli.env import paste_lines
from _llamagate.config import Config
from _llamagate.started import Started

_DOCKER_FLAG = "--add-host=host.docker.internal:host-gateway"


def banner(
    started: Started, config: Config, *, show_key: bool, shell: str, container: bool = False
) -> list[str]:
    url = dialled(started.addresses[0][1])
    key = UNUSED_KEY
    if started.auth:
        key = started.made_key if started.made_key and show_key else UNKNOWN_KEY
    return [
        "",
        f"LlamaGate {__version__} is at {url}",
        *(f"  {surface} is at {dialled(address)}" for surface, address in started.addresses[1:]),
        "",
        *_key(started, config, show_key),
        *_engines(started, config, container),
        "",
        "Try it:",
        f"  {_curl(url, key, started.model, shell)}",
        "",
        f"Point your programs here{_key_hint(key)}:",
        *(f"  {line}" for line in paste_lines(url, key, shell)),
        "",
    ]


def _key(started: Started, config: Config, show_key: bool) -> list[str]:
    if not started.auth:
        reach = "only this machine can reach it" if config.loopback_only else "AUTH is off"
        lines = [f"No key is asked for: {reach}."]
        if not config.loopback_only:
            lines.append("Everybody who reaches this address can use it.")
        return lines
    if not started.made_key:
        return ["A key is asked for: send yours as X-API-Key or as Authorization: Bearer."]
    if show_key:
        return [
            "Nobody set a key, so one was made. It is an administrator's, and shown only now:",
            f"  {started.made_key}",
            f"It is kept in {config.made_key_file}.",
        ]
    return [f"Nobody set a key, so one was made. It is an administrator's: {config.made_key_file}"]


def _engines(started: Started, config: Config, container: bool) -> list[str]:
    if config.demo:
        return ["The demo engine answers. It only pretends to be a language model."]
    places = {engine.name: engine.place for engine in config.engines}
    up = [places.get(name, name) for name in started.engines_up]
    down = [places.get(name, name) for name in started.engines_down]
    if up:
        return [f"Answers come from {', '.join(up)}.", *(f"Silent: {place}." for place in down)]
    if not down:
        return ["No engine is set: name one in OLLAMA_HOST, or look around with llamagate --demo."]
    lines = [
        f"No answer from {', '.join(down)}; until there is one, /health says 503. Start Ollama "
        "(ollama serve), set OLLAMA_HOST to where it is, or look around with llamagate --demo."
    ]
    if container:
        lines.append(
            "In a container, an Ollama of the host is reached with: docker run "
            f"{_DOCKER_FLAG} -e OLLAMA_HOST=http://host.docker.internal:11434 ..."
        )
    return lines


def _curl(url: str, key: str, model: str, shell: str) -> str:
    """Quoted so that it can be pasted: single quotes mean nothing to cmd, and PowerShell takes
    curl for another program."""
    message = {"role": "user", "content": "Why is the sky blue?"}
    body = json.dumps({"model": model or "llama3.2", "messages": [message]})
    headers = ["Content-Type: application/json"]
    if key != UNUSED_KEY:
        headers.append(f"Authorization: Bearer {key}")
    options = " ".join(f'-H "{header}"' for header in headers)
    if shell == "powershell":
        escaped = body.replace('"', '\\"')
        return f"curl.exe {url}/v1/chat/completions {options} -d '{escaped}'"
    return f"curl {url}/v1/chat/completions {options} -d '{body}'"


def _key_hint(key: str) -> str:
    if key != UNKNOWN_KEY:
        return ""
    return f" ({UNKNOWN_KEY} is to be replaced; `llamagate env` puts the key in)"
