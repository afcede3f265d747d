"""`llamagate env`: the variables that make other programs talk to the gateway, ready to paste."""

import shlex
import sys
from collections.abc import Mapping

from _llamagate.cli.address import UNKNOWN_KEY, UNUSED_KEY, key_to_use, own_url
from _llamagate.cli.surroundings import default_shell
from _llamagate.config import Config


def env(config: Config, shell: str | None) -> int:
    if config.port == 0:
        print(
            "llamagate: PORT is 0, so only the running gateway knows its port; it prints these "
            "lines when it starts.",
            file=sys.stderr,
        )
        return 1
    key = key_to_use(config)
    if key == UNKNOWN_KEY:
        print(
            f"llamagate: no key is known here in the clear; replace {UNKNOWN_KEY} by yours.",
            file=sys.stderr,
        )
    for line in paste_lines(own_url(config), key, shell or default_shell()):
        print(line)
    return 0


def paste_lines(url: str, key: str, shell: str) -> list[str]:
    return [_assignment(name, value, shell) for name, value in _variables(url, key).items()]


def _variables(url: str, key: str) -> Mapping[str, str]:
    variables = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": key,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
        "OLLAMA_HOST": url,
    }
    if key != UNUSED_KEY:  # Ollama's clients start without
        variables["OLLAMA_API_KEY"] = key
    return variables


def _assignment(name: str, value: str, shell: str) -> str:
    match shell:
        case "powershell":
            return f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'"
        case "cmd":
            return f'set "{name}={value}"'
        case "fish":
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"set -gx {name} '{escaped}'"
        case _:
            return f"export {name}={shlex.quote(value)}"
