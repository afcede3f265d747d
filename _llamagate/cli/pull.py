"""`llamagate models pull`: a model comes to an engine, and a bar shows how far it is.

Without a terminal there is one line for each step instead.
"""

import shutil
import sys
import time

from msgspec import Struct

from _llamagate.cli.failure import Failed
from _llamagate.cli.running import RunningGateway
from _llamagate.cli.surroundings import redraws
from _llamagate.cli.text import columns, plain, size

_TO_END_OF_LINE = "\033[K"


class Step(Struct, frozen=True):
    """One line of what an engine tells of a pull."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0
    error: str = ""


def pull(gateway: RunningGateway, name: str, path: str) -> None:
    progress = Progress(redraws())
    last = Step()
    try:
        for step in gateway.lines(path, Step, model=name):
            if step.error:
                raise Failed(f"{plain(name)} cannot be pulled: {plain(step.error, 500)}")
            progress.show(step)
            last = step
    finally:
        progress.end()
    if last.status != "success":
        raise Failed(
            f"The pull of {plain(name)} broke off. What has come is kept: pull it again to go on."
        )
    print(f"{plain(name)} is there.")


class Progress:
    def __init__(self, redraws: bool) -> None:
        self._redraws = redraws
        self._status = ""
        self._began = 0.0
        self._had = 0  # bytes, when this part began
        self._open = False  # is the line to be drawn over

    def show(self, step: Step) -> None:
        if step.status != self._status:
            self.end()
            self._status, self._began, self._had = step.status, time.monotonic(), step.completed
            if not self._redraws:
                print(plain(step.status), flush=True)
        if self._redraws:
            sys.stdout.write(f"\r{self._line(step)}{_TO_END_OF_LINE}")
            sys.stdout.flush()
            self._open = True

    def end(self) -> None:
        if self._open:
            print(flush=True)
            self._open = False

    def _line(self, step: Step) -> str:
        if not step.total:
            return plain(step.status)
        passed = time.monotonic() - self._began
        rate = (step.completed - self._had) / passed if passed > 0.5 else 0.0
        return bar(step, rate, shutil.get_terminal_size().columns - 1)


def bar(step: Step, rate: float, width: int) -> str:
    """As wide as the terminal leaves room for."""
    part = min(1.0, step.completed / step.total)
    title = plain(step.status)
    numbers = f"{part:4.0%}  {size(step.completed)} of {size(step.total)}"
    if rate:
        numbers += f"  {size(rate)}/s"
    room = min(40, width - columns(title) - len(numbers) - 5)
    if room < 4:
        return plain(f"{title} {numbers}", width)
    filled = round(part * room)
    return f"{title}  [{'#' * filled}{' ' * (room - filled)}] {numbers}"
