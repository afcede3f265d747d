"""What may stand on the command line. What it does is left to the files named after the verbs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from _llamagate import __version__

_ABOUT = "A gateway in front of the language models on your own hardware: Ollama and its kin."
_MORE = """\
without a command it serves:

  llamagate                    with Ollama at its usual place
  llamagate --demo             with a stand-in that needs no Ollama, to look around
  llamagate --host 0.0.0.0     for the network; a key is made if you gave none

Settings are environment variables, lines of a .env file, or llamagate.toml. What exists, and what
each means, is in .env.example and docs/configuration.md; `llamagate config` shows what is in force.
"""
_COMMANDS = {
    "serve": "serve, as without a command",
    "config": "show what is in force and where it came from, secrets masked",
    "env": "print lines to paste, so that other programs find the gateway",
    "doctor": "look for what is wrong and say what to do; exit 1 when something fails",
    "health": "ask the running gateway whether it is well; exit 0 or 1",
    "selftest": "start beside whatever runs, ask every surface once; exit 0 or 1",
}
SHELLS = ("sh", "powershell", "cmd", "fish")


class Arguments(argparse.Namespace):
    """What was given; `command` is "" where none was."""

    command: str = ""
    host: str | None = None
    port: str | None = None
    config: Path | None = None
    demo: bool = False
    json: bool = False
    shell: str | None = None


def parse(argv: Sequence[str] | None) -> Arguments:
    return _parser().parse_args(argv, Arguments())


def _parser() -> argparse.ArgumentParser:
    where = _where()
    parser = argparse.ArgumentParser(
        prog="llamagate",
        description=_ABOUT,
        epilog=_MORE,
        parents=[where],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"llamagate {__version__}",
        help="show the version and exit",
    )
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    made = {
        name: commands.add_parser(name, help=text, description=text.capitalize(), parents=[where])
        for name, text in _COMMANDS.items()
    }
    for serving in (parser, made["serve"]):
        serving.add_argument(
            "--demo",
            action="store_true",
            default=argparse.SUPPRESS,
            help="serve a built-in stand-in for an engine; it says that it is one",
        )
    made["config"].add_argument("--json", action="store_true", help="as one JSON object")
    made["env"].add_argument(
        "--shell", choices=SHELLS, help="whose syntax to use (default: sh; on Windows powershell)"
    )
    return parser


def _where() -> argparse.ArgumentParser:
    """What may stand before a command as well as behind it."""
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("--host", metavar="ADDRESS", help="listen here instead of HOST")
    parser.add_argument("--port", metavar="NUMBER", help="listen here instead of PORT")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a llamagate.toml or .env file to read"
    )
    return parser
