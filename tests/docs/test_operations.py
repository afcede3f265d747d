"""The page for operators says what is so: every metric, field, event and command."""

import re
import shlex
from pathlib import Path

import pytest

from _llamagate.cli.arguments import parse
from _llamagate.engines.health import State
from _llamagate.exposition import families
from _llamagate.metrics import Metrics
from tests.conftest import StartGateway
from tests.fakes.ollama import Answer, FakeOllama

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
CELL = re.compile(r"`([^`]+)`")


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose head begins so."""
    _, _, rest = PAGE.partition(f"\n| {head} |")
    table = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_every_metric_has_a_sentence() -> None:
    metrics = Metrics()
    metrics.ended("/v1/models", 200, 0.1)
    metrics.engines_up = lambda: {"ollama": True}
    counted = set()
    for family in families(metrics):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        suffix = "_total" if family.type == "counter" else ""
        counted.add((f"{family.name}{suffix}", family.type, tuple(sorted(labels))))
    told = set()
    for name, kind, labels, sentence in rows("Metric"):
        assert sentence.endswith("."), name
        told.add((name.strip("`"), kind, tuple(sorted(CELL.findall(labels)))))
    assert told == counted


def test_every_event_of_the_log_is_explained() -> None:
    said = {f"engine_{state.value}" for state in State} - {"engine_unknown"}
    for file in (ROOT / "_llamagate").rglob("*.py"):
        said |= set(re.findall(r'\b_log\.\w+\(\s*"(\w+)"', file.read_text("utf-8")))
    assert {name for names, _ in rows("Event") for name in CELL.findall(names)} == said


async def test_every_field_of_a_requests_line_is_explained(
    start_gateway: StartGateway, ollama: FakeOllama
) -> None:
    gateway = await start_gateway(OLLAMA_HOST=ollama.url)
    ollama.answer = Answer("Hi")
    body = {"model": "llama3.1:8b", "messages": [{"role": "user", "content": "Hi"}]}
    await gateway.json("POST", "/v1/chat/completions", json=body)
    await gateway.json("POST", "/v1/chat/completions", json={})
    seen = {field for line in gateway.lines() if "event" not in line for field in line}
    told = {name for names, _ in rows("Field") for name in CELL.findall(names)}
    assert seen | {"queued_ms"} == told


@pytest.mark.parametrize("line", re.findall(r"^\$ llamagate (.+)$", PAGE, re.MULTILINE))
def test_every_command_shown_is_one(line: str) -> None:
    assert parse(shlex.split(line)).command in ("top", "engines", "models")
