"""`llamagate env`: the variables that make other programs talk to the gateway, ready to paste."""

import shlex
import sys

from _llamagate.cli.address import UNKNOWN_KEY, UNUSED_KEY, key_to_use, own_url
from _llamagate.cli.failure import Failed
from _llamagate.cli.surroundings import default_shell
from _llamagate.config import Config
from _llamagate.started import client_variables


def env(config: Config, shell: str | None) -> int:
    if config.port == 0:
        raise Failed(
            "PORT is 0, so only the running gateway knows its port; it prints these lines when it "
            "starts."
        )
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
    variables = client_variables(url, key)
    if key == UNUSED_KEY:  # Ollama's clients start without
        del variables["OLLAMA_API_KEY"]
    return [_assignment(name, value, shell) for name, value in variables.items()]


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
