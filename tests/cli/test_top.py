"""`llamagate top`, against gateways that run."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from _llamagate.admin.report import Engine, Line, State, Totals, Turn
from _llamagate.cli.top import frame
from tests.cli.commands import run
from tests.conftest import Running, StartGateway
from tests.fakes.ollama import Answer, FakeOllama

SECRETS = {"ADMIN_KEY": "the-operators-own-key", "API_KEY": "somebody-elses-key"}


def chat(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "llama3.1:8b", "messages": [{"role": "user", "content": text}], **more}


@pytest.fixture
async def busy(start_gateway: StartGateway, ollama: FakeOllama) -> AsyncIterator[Running]:
    """One runs and two wait, for a minute."""
    ollama.answer = Answer(first=60)
    gateway = await start_gateway(OLLAMA_HOST=ollama.url, SLOTS="1", **SECRETS)
    await gateway.json("GET", "/health")
    asking = []
    for place, person in enumerate(("ann", "bob", "eve\x1b[2J")):
        body = chat(person, user=person)
        key = {"X-API-Key": SECRETS["API_KEY"]}
        post = gateway.json("POST", "/v1/chat/completions", headers=key, json=body)
        asking.append(asyncio.ensure_future(post))
        await ollama.until(lambda: ollama.running == 1)
        await ollama.until(lambda place=place: gateway.server.gateway.queue.waiting() == place)
    yield gateway
    for task in asking:
        task.cancel()


async def test_it_says_who_runs_and_who_waits(
    busy: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_KEY", SECRETS["ADMIN_KEY"])
    done = await run(capsys, busy.url, "top", "--once")
    assert (done.status, done.err) == (0, "")
    assert f"at {busy.url}, up " in done.out
    assert "1 running, 2 waiting" in done.out
    engine, *_ = (row for row in done.rows if row[:2] == ["ollama", "up"])
    assert engine[2:4] == ["1", "2"]
    turns = [line for line in done.out.splitlines() if line.startswith("llama3.1:8b")]
    assert [("(ann)" in turns[0], "runs" in turns[0])] == [(True, True)]
    assert "(bob)" in turns[1] and "waits, place 1" in turns[1]
    assert "(eve?[2J)" in turns[2] and "waits, place 2" in turns[2]
    assert "1 of 1" in turns[0]
    assert "\x1b" not in done.out


async def test_without_a_terminal_it_says_it_once(
    busy: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_KEY", SECRETS["ADMIN_KEY"])
    done = await run(capsys, busy.url, "top")
    assert (done.status, "1 running, 2 waiting" in done.out) == (0, True)


async def test_no_secret_is_shown(
    busy: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_KEY", SECRETS["ADMIN_KEY"])
    done = await run(capsys, busy.url, "top", "--once")
    for secret in SECRETS.values():
        assert secret not in done.out


async def test_an_ordinary_user_is_refused(
    busy: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", SECRETS["API_KEY"])
    done = await run(capsys, busy.url, "top", "--once")
    assert (done.status, done.out) == (1, "")
    assert done.err == ("llamagate: Only an administrator may do this: use the key of ADMIN_KEY.\n")


@pytest.mark.parametrize(
    ("key", "sentence"),
    [({}, "asks for a key"), ({"ADMIN_KEY": "not-this-one"}, "does not take the key known here")],
)
async def test_who_has_no_right_key_is_told_what_to_set(
    busy: Running,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    key: dict[str, str],
    sentence: str,
) -> None:
    for name, value in key.items():
        monkeypatch.setenv(name, value)
    done = await run(capsys, busy.url, "top", "--once")
    assert done.status == 1
    assert sentence in done.err and "Set ADMIN_KEY" in done.err
    assert len(done.err.splitlines()) == 1


async def test_the_key_made_at_first_start_is_used(
    start_gateway: StartGateway,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = await start_gateway(demo=True, AUTH="on")
    assert gateway.server.gateway.made_key
    monkeypatch.setenv("DATA_DIR", str(gateway.server.config.data_dir))
    done = await run(capsys, gateway.url, "top", "--once")
    assert (done.status, done.err) == (0, "")
    assert "Nobody runs and nobody waits." in done.out


async def test_no_gateway_is_a_sentence_and_exit_1(
    capsys: pytest.CaptureFixture[str], unused_tcp_port: int
) -> None:
    done = await run(capsys, f"http://127.0.0.1:{unused_tcp_port}", "top", "--once")
    assert (done.status, done.out) == (1, "")
    assert "No gateway answers at" in done.err and "Start it with `llamagate`" in done.err


async def test_a_port_that_only_the_gateway_knows_must_be_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = await run(capsys, "http://127.0.0.1:0", "top", "--once")
    assert (done.status, "name it with --port" in done.err) == (1, True)


async def test_another_program_on_the_port_is_named_as_such(
    ollama: FakeOllama, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await run(capsys, ollama.url, "top", "--once")
    assert (done.status, "Is it a LlamaGate?" in done.err) == (1, True)


def state(**more: Any) -> State:
    totals = Totals(0, 0, 0, 0, 0, 0)
    fields: dict[str, Any] = {"engines": [], "lines": [], "totals": totals, **more}
    return State("0.1.0", 3725.0, 0, 0, **fields)


def engine(**more: Any) -> Engine:
    fields: dict[str, Any] = {
        "name": "ollama",
        "kind": "ollama",
        "url": "http://127.0.0.1:11434",
        "up": True,
        "draining": False,
        "reason": "",
        "running": 0,
        "waiting": 0,
        "tokens_per_second": 0.0,
        "models": [],
        "residents": [],
        "resting": [],
    }
    return Engine(**fields | more)


def test_an_engine_that_nobody_can_tell_the_speed_of_yet_shows_none() -> None:
    (row,) = [line for line in frame(state(engines=[engine(running=2)]), "") if "ollama" in line]
    assert row.split() == ["ollama", "up", "2", "0", "-", "-"]


@pytest.mark.parametrize(
    ("up", "draining", "condition"),
    [(True, True, "drained"), (False, False, "down"), (False, True, "drained, down")],
)
def test_the_condition_of_an_engine_is_a_word(up: bool, draining: bool, condition: str) -> None:
    lines = frame(state(engines=[engine(up=up, draining=draining)]), "")
    assert any(f"  {condition}  " in line for line in lines)


def squeezed(line: str) -> str:
    return " ".join(line.split())


def test_batches_and_found_slots_are_marked() -> None:
    running = Turn("night", "", "batch", 61.0, 0)
    line = Line("ollama", "qwen3", 4, True, 1.0, [running], [])
    *_, row = frame(state(lines=[line], engines=[engine(running=1)]), "")
    assert squeezed(row) == "qwen3 ollama 1 of 4 found night, batch runs 1 min 1 s"


def test_who_waits_for_several_engines_is_shown_once_with_the_best_place() -> None:
    ann, bob = (Turn(who, "", "interactive", 1.0, at) for at, who in enumerate(("ann", "bob"), 1))
    near = Line("near", "qwen3", 1, False, 1.0, [], [ann, bob])
    far = Line("far", "qwen3", 1, False, 1.0, [], [bob])
    *_, first, second = frame(state(lines=[near, far], engines=[engine()]), "")
    assert squeezed(first) == "qwen3 near - ann waits, place 1 1.0 s"
    assert squeezed(second) == "qwen3 near, far - bob waits, place 1 1.0 s"


def test_what_an_engine_does_beside_answering_stands_below_the_engines() -> None:
    lines = frame(state(engines=[engine(activity=["org/model: 1.2 of 3.0 GB"])]), "")
    assert "ollama: org/model: 1.2 of 3.0 GB" in lines


def test_no_engine_is_a_sentence() -> None:
    assert "No engine is set: name one in OLLAMA_HOST." in frame(state(), "")
