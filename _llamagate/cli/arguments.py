"""What may stand on the command line. What it does is left to the files named after the verbs."""

import argparse
from collections.abc import Mapping, Sequence
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
    "top": "show who runs, who waits and which model is in memory; once a second until Ctrl-C",
    "engines": "list engines; test, drain or undrain them",
    "models": "list models; pull, load, unload, remove or show one",
    "doctor": "look for what is wrong and say what to do; exit 1 when something fails",
    "health": "ask the running gateway whether it is well; exit 0 or 1",
    "selftest": "start beside whatever runs, ask every surface once; exit 0 or 1",
}
# The actions of a command, whether they take a name, and what they do. The first is the default.
_ACTIONS = {
    "engines": {
        "list": ("", "all engines, what they are busy with, what is in their memory"),
        "test": ("[NAME]", "ask one, or each of them, now; exit 1 when one does not answer"),
        "drain": ("NAME", "give it no new requests; those that run go on"),
        "undrain": ("NAME", "give it requests again"),
    },
    "models": {
        "list": ("", "all models"),
        "ps": ("", "those in memory"),
        "pull": ("NAME", "fetch one from Ollama's registry or hf.co"),
        "load": ("NAME", "take it into memory"),
        "unload": ("[NAME]", "take it out; without a name the last one loaded, or the only one"),
        "rm": ("NAME", "delete it; a terminal is asked first"),
        "show": ("NAME", "describe it"),
    },
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
    once: bool = False
    action: str = "list"
    name: str = ""
    engine: str = ""
    yes: bool = False


def parse(argv: Sequence[str] | None) -> Arguments:
    parser, commands = _parsers()
    arguments = parser.parse_args(argv, Arguments())
    if wrong := _wrong_with_action(arguments):
        commands[arguments.command].error(wrong)
    return arguments


def _wrong_with_action(arguments: Arguments) -> str:
    actions = _ACTIONS.get(arguments.command)
    if actions is None:
        return ""
    takes, _ = actions[arguments.action]
    if takes == "NAME" and not arguments.name:
        return f"say the NAME: llamagate {arguments.command} {arguments.action} NAME"
    if not takes and arguments.name:
        return f"{arguments.action} takes no name, but there is {arguments.name!r}"
    if arguments.engine and arguments.action not in ("pull", "rm"):
        return f"--engine is for pull and rm, not for {arguments.action}"
    return ""


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
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
    made = _add_commands(parser, where)
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
    made["top"].add_argument("--once", action="store_true", help="say it once and end")
    _add_actions(made)
    return parser, made


def _add_commands(
    parser: argparse.ArgumentParser, where: argparse.ArgumentParser
) -> dict[str, argparse.ArgumentParser]:
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    return {
        name: commands.add_parser(
            name,
            help=text,
            description=text[:1].upper() + text[1:],
            epilog=_about_actions(name) if name in _ACTIONS else None,
            parents=[where],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for name, text in _COMMANDS.items()
    }


def _about_actions(command: str) -> str:
    rows = [(f"{name} {takes}", about) for name, (takes, about) in _ACTIONS[command].items()]
    return "\n".join(["actions:", *(f"  {action:<15}  {about}" for action, about in rows)])


def _add_actions(made: Mapping[str, argparse.ArgumentParser]) -> None:
    for command, actions in _ACTIONS.items():
        made[command].add_argument(
            "action",
            nargs="?",
            choices=actions,
            default="list",
            metavar="ACTION",
            help="what to do (default: list)",
        )
        made[command].add_argument("name", nargs="?", default="", metavar="NAME")
    made["models"].add_argument(
        "--engine", default="", metavar="NAME", help="pull to this engine, or delete there only"
    )
    made["models"].add_argument("--yes", action="store_true", help="delete without asking")


def _where() -> argparse.ArgumentParser:
    """What may stand before a command as well as behind it."""
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("--host", metavar="ADDRESS", help="in place of the setting HOST")
    parser.add_argument("--port", metavar="NUMBER", help="in place of the setting PORT")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a llamagate.toml or .env file to read"
    )
    return parser
