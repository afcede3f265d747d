"""The command line: the one room that reads the environment and prints.

Each command is a function from a Config to an exit status, in the file that has its name, and is
imported when it is asked for: `--version` must not wait for what serving needs. The exit status
is 1 when a command failed, and 2 when it, or a setting, was wrong.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from _llamagate.cli.arguments import Arguments, parse

if TYPE_CHECKING:  # `--version` does not wait for it
    from _llamagate.config import Config


def main(argv: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test's stand-in has not
            stream.reconfigure(errors="backslashreplace")
    arguments = parse(argv)
    from _llamagate.cli.failure import Failed
    from _llamagate.config import ConfigError

    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except ConfigError as wrong:
        for problem in wrong.problems:
            print(f"llamagate: {problem}", file=sys.stderr)
        return 2
    except Failed as failed:
        print(f"llamagate: {failed}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `llamagate config | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: Arguments) -> int:
    from _llamagate.cli.surroundings import load_config

    load = partial(load_config, arguments)
    match arguments.command:
        case "doctor":
            from _llamagate.cli.doctor import doctor

            return doctor(load)
        case "config":
            from _llamagate.cli.config import config

            return config(load(), as_json=arguments.json)
        case "env":
            from _llamagate.cli.env import env

            return env(load(), arguments.shell)
        case "health":
            from _llamagate.cli.health import health

            return health(load())
        case "selftest":
            from _llamagate.cli.selftest import selftest

            return selftest()
        case "top" | "engines" | "models":
            return _ask_the_running_one(arguments, load())
        case _:
            from _llamagate.cli.serve import serve

            return serve(load)


def _ask_the_running_one(arguments: Arguments, config: "Config") -> int:
    match arguments.command:
        case "top":
            from _llamagate.cli.top import top

            return top(config, once=arguments.once)
        case "engines":
            from _llamagate.cli.engines import engines

            return engines(config, arguments.action, arguments.name)
        case _:
            from _llamagate.cli.models import models

            return models(
                config,
                arguments.action,
                arguments.name,
                engine=arguments.engine,
                yes=arguments.yes,
            )
