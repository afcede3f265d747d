"""`llamagate top`: who runs, who waits and for how long, which model is in which engine's memory.

In a terminal it is drawn anew every second until Ctrl-C; elsewhere, and with --once, it is said
once.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator

from _llamagate.admin.report import Engine, Line, State, Turn
from _llamagate.cli.engines import NO_ENGINE, activity, in_memory
from _llamagate.cli.failure import Failed
from _llamagate.cli.running import RunningGateway
from _llamagate.cli.surroundings import colourful, redraws
from _llamagate.cli.text import plain, span, table
from _llamagate.config import Config

_EVERY = 1.0  # seconds
_OPEN = "\033[?1049h\033[?25l"  # the other screen, without a cursor
_CLOSE = "\033[?25h\033[?1049l"
_HOME = "\033[H"
_TO_END_OF_LINE = "\033[K"
_TO_END_OF_SCREEN = "\033[J"


def top(config: Config, *, once: bool) -> int:
    gateway = RunningGateway(config)
    lines = frame(_ask(gateway), gateway.url)
    if once or not redraws():
        print("\n".join(lines))
        return 0
    return _live(gateway, lines)


def frame(state: State, url: str) -> list[str]:
    running = sum(engine.running for engine in state.engines)
    tokens = sum(engine.tokens_per_second for engine in state.engines)
    return [
        f"LlamaGate {plain(state.version)} at {url}, up {span(state.uptime_seconds)}",
        f"{running} running, {state.requests_waiting} waiting, {tokens:.1f} tokens a second",
        "",
        *_engines(state.engines),
        "",
        *_requests(state.lines),
    ]


def _engines(engines: list[Engine]) -> list[str]:
    if not engines:
        return [NO_ENGINE]
    rows = [
        (
            engine.name,
            engine.condition,
            str(engine.running),
            str(engine.waiting),
            _speed(engine),
            in_memory(engine),
        )
        for engine in engines
    ]
    head = ("ENGINE", "STATE", "RUNNING", "WAITING", "TOKENS/S", "IN MEMORY")
    return [
        *table(head, rows, right=("RUNNING", "WAITING", "TOKENS/S")),
        *(line for engine in engines for line in activity(engine)),
    ]


def _speed(engine: Engine) -> str:
    """Of a first answer that still runs nobody can say it."""
    known = engine.tokens_per_second or not engine.running
    return f"{engine.tokens_per_second:.1f}" if known else ""


def _requests(lines: list[Line]) -> list[str]:
    rows = [*_running(lines), *_waiting(lines)]
    if not rows:
        return ["Nobody runs and nobody waits."]
    return table(("MODEL", "ENGINE", "SLOTS", "CALLER", "STATE", "FOR"), rows, right=("FOR",))


def _running(lines: list[Line]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        slots = f"{len(line.running)} of {line.slots}" + (" found" if line.slots_learned else "")
        for turn in line.running:
            yield line.model, line.engine, slots, _who(turn), "runs", span(turn.seconds)


def _waiting(lines: list[Line]) -> Iterator[tuple[str, ...]]:
    """Each once, whatever the number of engines it waits for; the best of its places counts."""
    found: dict[int, list[tuple[int, Line, Turn]]] = {}
    for line in lines:
        for place, turn in enumerate(line.waiting, 1):
            found.setdefault(turn.number, []).append((place, line, turn))
    for places in sorted(found.values(), key=lambda places: min(place for place, *_ in places)):
        place, line, turn = min(places, key=lambda one: one[0])
        engines = ", ".join(plain(one.engine) for _, one, _ in places)
        yield line.model, engines, "", _who(turn), f"waits, place {place}", span(turn.seconds)


def _who(turn: Turn) -> str:
    person = f" ({plain(turn.person, 24)})" if turn.person else ""
    batch = ", batch" if turn.priority == "batch" else ""
    return plain(turn.caller, 32) + person + batch


def _live(gateway: RunningGateway, lines: list[str]) -> int:
    if sys.platform == "win32":
        os.system("")  # makes the console obey the codes below
    sys.stdout.write(_OPEN)
    try:
        while True:
            _draw(lines)
            time.sleep(_EVERY)
            try:
                lines = frame(_ask(gateway), gateway.url)
            except Failed as failed:  # it may only be starting anew
                lines = [str(failed), "", "Asking again every second; Ctrl-C ends."]
    except KeyboardInterrupt:
        return 0
    finally:
        sys.stdout.write(_CLOSE)
        sys.stdout.flush()


def _draw(lines: list[str]) -> None:
    """Over what is there, line by line: clearing the screen first would make it flicker."""
    width, height = shutil.get_terminal_size()
    shown = [plain(line, width) for line in lines[: height - 1]]
    if len(lines) > height - 1:
        shown[-1] = f"... and {len(lines) - height + 2} more lines"
    if colourful():
        shown = [f"\033[1m{line}\033[0m" if _is_head(line) else line for line in shown]
    text = "".join(f"{line}{_TO_END_OF_LINE}\n" for line in shown)
    sys.stdout.write(f"{_HOME}{text}{_TO_END_OF_SCREEN}")
    sys.stdout.flush()


def _is_head(line: str) -> bool:
    return line.startswith(("ENGINE ", "MODEL ", "LlamaGate "))


def _ask(gateway: RunningGateway) -> State:
    return gateway.get("/admin/state", State)
