"""What the process finds around it: its environment, its folders, its terminal."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from _llamagate.cli.arguments import Arguments
from _llamagate.config import Config, load


def load_config(arguments: Arguments) -> Config:
    given = {"HOST": arguments.host, "PORT": arguments.port}
    config = load(
        os.environ,
        Path.cwd(),
        exe_dir(),
        arguments.config,
        {name: text for name, text in given.items() if text is not None},
        in_container(),
    )
    return replace(config, demo=arguments.demo)


def exe_dir() -> Path:
    """Where the program is. A frozen one runs from a folder it unpacked itself into, which is
    gone afterwards; the file that was started is sys.executable."""
    program = sys.executable if getattr(sys, "frozen", False) else sys.argv[0]
    return Path(program).resolve().parent


def default_shell() -> str:
    return "powershell" if sys.platform == "win32" else "sh"


def may_show_a_key() -> bool:
    """Is a person reading stderr, or whoever started this container? A log file keeps what it is
    given, and others read it."""
    return sys.stderr.isatty() or in_container()


def in_container() -> bool:
    return (
        "KUBERNETES_SERVICE_HOST" in os.environ
        or "container" in os.environ
        or Path("/.dockerenv").exists()
        or Path("/run/.containerenv").exists()
    )


def redraws() -> bool:
    """Can what stands on the screen be drawn over?"""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def colourful() -> bool:
    return redraws() and "NO_COLOR" not in os.environ
