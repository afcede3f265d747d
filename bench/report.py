"""The tables, and whether the targets were met.

Results are figures by row, by server, by round. Ratios are taken within a round, so that a slow
moment of the machine meets both sides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from bench.measure import Figures
from bench.rows import Row

Rounds = list[Figures]
Results = dict[str, dict[str, Rounds]]


def middle(rounds: Rounds, figure: str) -> float:
    return median(one[figure] for one in rounds)


def ratio(of: Rounds, to: Rounds, figure: str) -> float:
    return median(a[figure] / b[figure] for a, b in zip(of, to, strict=True))


def difference(of: Rounds, to: Rounds, figure: str) -> float:
    return median(a[figure] - b[figure] for a, b in zip(of, to, strict=True))


def number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.3f}"


def row_table(row: Row, servers: Mapping[str, Rounds]) -> str:
    base = servers.get("nginx")
    head = [
        f"{row.unit}s/s", "min", "max", "x nginx", f"us/{row.unit}", "x nginx",
        "first p50", "p99", "whole p50", "p99 ms", "core", "load", "engine", "others",
    ]  # fmt: skip
    body = [[name, *_row_cells(rounds, base)] for name, rounds in servers.items()]
    title = f"{row.name}: {row.about}, {row.connections} connection{'s'[: row.connections > 1]}"
    return _table(title, head, body)


def _row_cells(rounds: Rounds, base: Rounds | None) -> list[str]:
    rates = [one["rate"] for one in rounds]
    return [
        number(median(rates)),
        number(min(rates)),
        number(max(rates)),
        f"{ratio(rounds, base, 'rate'):.3f}" if base else "",
        number(middle(rounds, "cost_us")),
        f"{ratio(rounds, base, 'cost_us'):.2f}" if base else "",
        *(
            number(middle(rounds, f"{what}_ms"))
            for what in ("first_p50", "first_p99", "whole_p50", "whole_p99")
        ),
        *(f"{middle(rounds, what):.0%}" for what in ("core", "load_core", "engine_core", "others")),
    ]


def figure_table(title: str, servers: Mapping[str, Rounds]) -> str:
    """Any other figures: a line for each server, a column for each of them."""
    head = list(next(iter(servers.values()))[0])
    body = [
        [name, *(number(middle(rounds, figure)) for figure in head)]
        for name, rounds in servers.items()
    ]
    return _table(title, head, body)


def _table(title: str, head: list[str], body: list[list[str]]) -> str:
    lines = [["", *head], *body]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  " + line[0].ljust(widths[0]) + "".join(
            "  " + cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)
        )
        for line in lines
    ]  # fmt: skip
    return "\n".join([title, *text, ""])


# ---------------------------------------------------------------- targets


@dataclass(frozen=True, slots=True)
class Target:
    """What ought to come out. `value` raises KeyError where its row was not measured."""

    what: str
    value: Callable[[Results], float]
    sign: str  # ">=" or "<="
    bound: float

    def met(self, value: float) -> bool:
        return value >= self.bound if self.sign == ">=" else value <= self.bound


def _times(row: str, figure: str = "rate", to: str = "nginx") -> Callable[[Results], float]:
    return lambda results: ratio(results[row]["llamagate"], results[row][to], figure)


def _added(row: str, figure: str) -> Callable[[Results], float]:
    return lambda results: difference(results[row]["llamagate"], results[row]["engine"], figure)


def _plainly(row: str, server: str, figure: str) -> Callable[[Results], float]:
    return lambda results: middle(results[row][server], figure)


TARGETS = (
    Target("plain-1: requests/s, x nginx", _times("plain-1"), ">=", 0.40),
    Target("plain-32: requests/s, x nginx", _times("plain-32"), ">=", 0.12),
    Target("plain-32: requests/s, x all off", _times("plain-32", to="bare"), ">=", 0.70),
    Target("stream-1: tokens/s, x nginx", _times("stream-1"), ">=", 0.92),
    Target("stream-32: tokens/s, x nginx", _times("stream-32"), ">=", 0.92),
    Target("paced-200: CPU per token, x nginx", _times("paced-200", "cost_us"), "<=", 1.6),
    Target("plain-32: requests/s, x LiteLLM", _times("plain-32", to="litellm"), ">=", 30),
    Target("stream-32: tokens/s, x LiteLLM", _times("stream-32", to="litellm"), ">=", 30),
    Target("first-20: ms added, p50", _added("first-20", "first_p50_ms"), "<=", 1),
    Target("first-20: ms added, p99", _added("first-20", "first_p99_ms"), "<=", 5),
    Target("hits-32: requests/s, x nginx's file", _times("hits-32"), ">=", 0.10),
    Target("idle: kB per stream", _plainly("idle", "llamagate", "kB per stream"), "<=", 25),
    Target("start: first answer, ms", _plainly("start", "script", "first answer, ms"), "<=", 600),
    Target("start: idle RSS, MB", _plainly("start", "script", "idle RSS, MB"), "<=", 50),
)


def target_table(results: Results) -> str:
    body = []
    for target in TARGETS:
        try:
            value = target.value(results)
        except KeyError:
            continue
        verdict = "met" if target.met(value) else "MISSED"
        body.append([target.what, f"{target.sign} {target.bound:g}", number(value), verdict])
    return _table("targets", ["target", "here", ""], body) if body else ""
