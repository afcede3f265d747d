"""`llamagate doctor`: what is wrong and what to do about it, one line for each thing looked at."""

from collections.abc import Callable, Iterator

from _llamagate.cli.doctor.engines import look_at_engines
from _llamagate.cli.doctor.finding import Finding, fail, ok, warn
from _llamagate.cli.doctor.machine import look_at_machine
from _llamagate.cli.surroundings import colourful
from _llamagate.config import Config, ConfigError

_COLOURS = {"ok": "32", "warn": "33", "fail": "31"}


def doctor(load_config: Callable[[], Config]) -> int:
    failed = False
    for finding in _findings(load_config):
        failed = failed or finding.level == "fail"
        print(_line(finding), flush=True)
    return int(failed)


def _findings(load_config: Callable[[], Config]) -> Iterator[Finding]:
    try:
        config = load_config()
    except ConfigError as wrong:
        yield from (fail("settings", problem) for problem in wrong.problems)
        return
    read = [str(file) for file in config.files.values() if file]
    yield ok("settings", f"all understood; files: {', '.join(read) or 'none'}.")
    yield from (warn("settings", warning) for warning in config.warnings)
    yield from look_at_machine(config)
    yield from look_at_engines(config)


def _line(finding: Finding) -> str:
    level = f"{finding.level:<4}"
    if colourful():
        level = f"\033[{_COLOURS[finding.level]}m{level}\033[0m"
    return f"{level}  {finding.subject}: {finding.text}"
