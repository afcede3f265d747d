"""The command of the rig: python -m bench.run --help"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench import features, machine, report, servers, special
from bench.measure import Figures, WrongAnswers, measure
from bench.report import Results
from bench.rows import MODELS, ROWS, Row
from bench.servers import Server

SPECIAL = ("start", "idle", "fair")
PEER_ROWS = ("plain-1", "plain-32", "stream-1", "stream-32", "first-20")


class Rig:
    """Servers that are started when a row first asks for them, and what was measured of them."""

    def __init__(self, folder: Path, stack: ExitStack, rounds: int, stretch: float) -> None:
        self.results: Results = {}
        self.faults: list[str] = []
        self._folder = folder
        self._stack = stack
        self._rounds = rounds
        self._stretch = stretch
        self._running: dict[str, Server] = {}
        self._engine = stack.enter_context(servers.engine(MODELS))
        self._running["engine"] = self._engine

    def server(self, name: str) -> Server:
        if name not in self._running:
            self._running[name] = self._stack.enter_context(self._make(name))
        return self._running[name]

    def _make(self, name: str) -> Server:
        if name == "nginx":
            return servers.nginx(self._engine.port, self._folder)
        if name == "litellm":
            return servers.litellm(self._engine.port, MODELS, self._folder)
        return features.gateway(self._engine.port, self._folder, name)

    def measure(self, row: Row, names: Sequence[str]) -> None:
        """Turn by turn, each round in the other direction."""
        found: dict[str, list[Figures]] = {name: [] for name in names}
        seconds = row.seconds * self._stretch
        for turn in range(self._rounds):
            for name in names if turn % 2 == 0 else reversed(names):
                server = self.server(name)
                found[name].append(measure(server, self._engine, row, self._folder, seconds))
        self.results[row.name] = found
        print(report.row_table(row, found), flush=True)

    def attempt(self, name: str, work: Callable[[], None]) -> None:
        """A row that failed is told at once and at the end, and spoils no other."""
        try:
            work()
        except WrongAnswers as fault:
            self.faults.append(f"{name}: {fault}")
            print(f"{name}: FAILED\n  {fault}\n", flush=True)

    def load_row(self, row: Row, names: Sequence[str]) -> None:
        if row.name.startswith("hits"):
            _, answer = self.server("llamagate").ask(row.request())
            (self._folder / "answer.json").write_bytes(answer)
        self.measure(row, names)

    def start(self) -> None:
        ways = special.commands()
        self.figures(
            "start", "start: exec to the first answer, and memory two seconds later",
            {
                name: [
                    special.start(self._engine, self._folder, command) for _ in range(self._rounds)
                ]
                for name, command in ways.items()
            },
        )  # fmt: skip

    def idle(self) -> None:
        found = {}
        for name in ("nginx", "llamagate"):
            with self._make(name) as fresh:
                found[name] = [special.idle_streams(fresh, self._folder)]
        self.figures("idle", f"idle: {special.OPEN_STREAMS} open streams that say nothing", found)

    def fair(self) -> None:
        found = special.fairness(self._engine, self._folder)
        self.figures(
            "fair", "fair: one caller with 200 waiting, five with one request at a time, 4 slots",
            {name: [figures] for name, figures in found.items()},
        )  # fmt: skip

    def figures(self, name: str, title: str, found: dict[str, list[Figures]]) -> None:
        self.results[name] = found
        print(report.figure_table(title, found), flush=True)


def servers_of(row: Row, options: argparse.Namespace) -> list[str]:
    names = list(row.of)
    if options.peers and row.name in PEER_ROWS:
        names.append("litellm")
    if options.bare and row.name in features.ROWS:
        names += features.NAMES
    return list(dict.fromkeys(names))


def run(options: argparse.Namespace, rig: Rig) -> None:
    for row in ROWS:
        wanted = row.name == options.row or (not options.row and (options.long or not row.long))
        if options.bare and not options.row:
            wanted = row.name in features.ROWS
        if wanted:
            names = servers_of(row, options)
            rig.attempt(row.name, partial(rig.load_row, row, names))
    for name in SPECIAL:
        if name == options.row or not (options.row or options.bare):
            rig.attempt(name, getattr(rig, name))


def read_options() -> argparse.Namespace:
    names = [row.name for row in ROWS] + list(SPECIAL)
    parser = argparse.ArgumentParser(
        prog="bench", description="What LlamaGate costs on this machine, beside nginx."
    )
    parser.add_argument("--row", choices=names, metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--long", action="store_true", help="all rows, more and longer rounds")
    parser.add_argument("--bare", action="store_true", help="what each feature costs, one by one")
    parser.add_argument("--peers", action="store_true", help="LiteLLM's proxy too; installs it")
    parser.add_argument("--rounds", type=int, help="5, or 9 with --long")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    return parser.parse_args()


def main() -> int:
    options = read_options()
    machine.allow_many_files()
    about = machine.describe()
    print(*(f"{name}: {value}" for name, value in about.items()), sep="\n", end="\n\n")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        os.sched_setaffinity(0, {machine.cores()[1]})
        rounds = options.rounds or (9 if options.long else 5)
        rig = Rig(Path(folder), stack, rounds, 2.5 if options.long else 1.0)
        run(options, rig)
    print(report.target_table(rig.results))
    if options.json:
        options.json.write_text(json.dumps({"machine": about, "rows": rig.results}, indent=1))
    for fault in rig.faults:
        print(f"FAILED {fault}", file=sys.stderr)
    return 1 if rig.faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except machine.NotHere as missing:
        sys.exit(str(missing))
