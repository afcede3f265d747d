"""The command line as a whole: what it takes, what it answers, how it exits."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from _llamagate import __version__
from _llamagate.cli import main

PROGRAM = Path(__file__).parents[2] / "llamagate.py"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **environ},
    )


def test_the_version_is_told_without_loading_the_web_server() -> None:
    code = (
        "import sys\n"
        "from _llamagate.cli import main\n"
        "try: main(['--version'])\n"
        "finally: print(sorted({'aiohttp', 'dotenv', '_llamagate.config'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROGRAM.parent
    )
    assert done.stdout.split("\n")[:2] == [f"llamagate {__version__}", "[]"]


@pytest.mark.parametrize("arguments", [["config"], ["env"]])
def test_showing_settings_does_not_load_the_web_server(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from _llamagate.cli import main\n"
        f"assert main({arguments}) == 0\n"
        "assert 'aiohttp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROGRAM.parent)


def test_asking_the_running_gateway_does_not_load_the_web_server() -> None:
    code = (
        "import sys\n"
        "from _llamagate.cli import main\n"
        "for command in ('top', 'engines', 'models'):\n"
        "    assert main([command, '--port', '1']) == 1\n"
        "assert 'aiohttp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROGRAM.parent)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    text = capsys.readouterr().out
    commands = ("serve", "config", "env", "doctor", "health", "top", "engines", "models")
    for word in (*commands, "--demo", "--host", "--version"):
        assert word in text


def test_a_wrong_command_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["servve"])
    assert done.value.code == 2
    assert "servve" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [[], ["serve"], ["config"], ["env"], ["health"], ["top"], ["engines"], ["models", "ps"]],
)
def test_bad_settings_are_all_reported_on_stderr_and_exit_2(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "abc")
    monkeypatch.setenv("TIMEOUT", "31m")
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[:2] for line in err.splitlines()] == [
        ["llamagate:", "PORT"],
        ["llamagate:", "TIMEOUT"],
    ]


def test_a_bad_option_is_reported_like_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "--port", "99999"]) == 2
    assert "PORT (command line) is '99999'" in capsys.readouterr().err


def test_options_may_stand_before_the_command_and_behind_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--port", "1234", "env"]) == 0
    before = capsys.readouterr().out
    assert main(["env", "--port", "1234"]) == 0
    assert capsys.readouterr().out == before
    assert "127.0.0.1:1234" in before


def test_a_port_that_is_taken_is_one_sentence_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("--demo", "--port", port)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert port in done.stderr


def test_serving_greets_on_stderr_and_ends_cleanly_when_told_to(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, PROGRAM, "--demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr and process.stdout
    with process, process.stderr, process.stdout:
        greeting = ""
        while "OLLAMA_HOST" not in greeting:
            line = process.stderr.readline()
            assert line, greeting
            greeting += line
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert all(line.startswith("{") for line in process.stdout)
    assert "LlamaGate" in greeting
    assert "demo engine" in greeting


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"'{sys.executable}' '{PROGRAM}' config --json | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{\n", "")
