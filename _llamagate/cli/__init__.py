"""The command line: the one room that reads the environment and prints.

Each command is a function from a Config to an exit status, in the file that has its name, and is
imported when it is asked for: `--version` must not wait for what serving needs. The exit status
is 1 when a command failed, and 2 when it, or a setting, was wrong.
"""

import os
import sys
from collections.abc import Sequence
from functools import partial

from _llamagate.cli.arguments import Arguments, parse


def main(argv: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a test's stand-in has not
            stream.reconfigure(errors="backslashreplace")
    arguments = parse(argv)
    from _llamagate.config import ConfigError

    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except ConfigError as wrong:
        for problem in wrong.problems:
            print(f"llamagate: {problem}", file=sys.stderr)
        return 2
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
        case _:
            from _llamagate.cli.serve import serve

            return serve(load)
