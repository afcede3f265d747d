"""install.sh and uninstall.sh, in a root of their own: what they leave, what they never touch."""

import hashlib
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "install" / "unix"
AS_ROOT = os.geteuid() == 0


Program = Callable[..., Path]


@dataclass
class Machine:
    """A scratch root with a home folder. Root's places or the user's, as the tests are run."""

    root: Path

    def run(self, script: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
        command = [SCRIPTS / script, "--yes", "--root", self.root, *options]
        return subprocess.run(
            [str(word) for word in command],
            env=os.environ | {"HOME": "/home/me"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )

    @property
    def folder(self) -> Path:
        return self.root / ("opt/llamagate" if AS_ROOT else "home/me/.local/lib/llamagate")

    @property
    def link(self) -> Path:
        bin_folder = "usr/local/bin" if AS_ROOT else "home/me/.local/bin"
        return self.root / bin_folder / "llamagate"

    @property
    def data(self) -> Path:
        return self.root / ("var/lib" if AS_ROOT else "home/me/.local/share") / "llamagate"

    def everything(self) -> dict[str, bytes]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """An executable that says its version, as llamagate does."""

    def make(version: str, *, status: int = 0) -> Path:
        path = tmp_path / f"llamagate-{version}"
        path.write_text(f"#!/bin/sh\necho llamagate {version}\nexit {status}\n")
        path.chmod(0o755)
        return path

    return make


def test_a_checkout_is_installed_with_settings_a_key_and_a_service(machine: Machine) -> None:
    done = machine.run("install.sh")
    assert done.returncode == 0, done.stderr
    assert (machine.folder / "venv/bin/python").exists()
    said = subprocess.run([machine.folder / "llamagate", "--version"], capture_output=True)
    assert said.stdout.startswith(b"llamagate ")
    assert os.readlink(machine.link).endswith("/llamagate/llamagate")
    settings = (machine.folder / ".env").read_text()
    assert "\nAPI_KEY=sk-" in settings
    assert stat.S_IMODE((machine.folder / ".env").stat().st_mode) == 0o600
    units = [path for path in machine.everything() if path.endswith("llamagate.service")]
    assert len(units) == 1


def test_an_upgrade_keeps_settings_and_data(machine: Machine, program: Program) -> None:
    machine.run("install.sh", "--binary", program("1"))
    kept = {".env": "API_KEY=mine\n", "llamagate.toml": "[aliases]\n", "tokens.json": "{}"}
    for name, text in kept.items():
        (machine.folder / name).write_text(text)
    machine.data.mkdir(parents=True)
    (machine.data / "records").write_text("kept")
    done = machine.run("install.sh", "--binary", program("2"))
    assert "llamagate 2" in done.stdout
    assert {name: (machine.folder / name).read_text() for name in kept} == kept
    assert (machine.data / "records").read_text() == "kept"
    assert sorted(path.name for path in machine.folder.parent.iterdir()) == ["llamagate"]


def test_installing_twice_changes_nothing(machine: Machine, program: Program) -> None:
    machine.run("install.sh", "--binary", program("1"))
    first = machine.everything()
    assert machine.run("install.sh", "--binary", program("1")).returncode == 0
    assert machine.everything() == first


def test_a_program_that_does_not_run_here_leaves_what_was_there(
    machine: Machine, program: Program
) -> None:
    machine.run("install.sh", "--binary", program("1"))
    before = machine.everything()
    done = machine.run("install.sh", "--binary", program("2", status=1))
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert machine.everything() == before


def test_a_first_installation_that_fails_leaves_nothing(machine: Machine, program: Program) -> None:
    assert machine.run("install.sh", "--binary", program("1", status=1)).returncode == 1
    assert machine.everything() == {}


def test_an_installation_killed_between_its_moves_is_mended_by_the_next(
    machine: Machine, program: Program
) -> None:
    machine.run("install.sh", "--binary", program("1"))
    (machine.folder / ".env").write_text("API_KEY=mine\n")
    machine.folder.rename(machine.folder.with_name("llamagate.old"))
    assert machine.run("install.sh", "--binary", program("2")).returncode == 0
    assert (machine.folder / ".env").read_text() == "API_KEY=mine\n"


@dataclass
class Site:
    """Where a release lies for download."""

    folder: Path
    url: str

    def publish(self, file: Path, sums: str = "") -> str:
        (self.folder / "llamagate-linux").write_bytes(file.read_bytes())
        if sums:
            (self.folder / "SHA256SUMS").write_text(f"{sums}  llamagate-linux\n")
        return f"{self.url}/llamagate-linux"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    Thread(target=server.serve_forever, daemon=True).start()
    yield Site(folder, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_a_download_is_installed_when_its_sum_is_right(
    machine: Machine, program: Program, site: Site
) -> None:
    right = hashlib.sha256(program("3").read_bytes()).hexdigest()
    done = machine.run("install.sh", "--url", site.publish(program("3"), right))
    assert done.returncode == 0, done.stderr
    assert "llamagate 3" in done.stdout


def test_a_download_with_another_sum_or_none_is_refused(
    machine: Machine, program: Program, site: Site
) -> None:
    url = site.publish(program("3"))
    assert "no SHA256SUMS beside" in machine.run("install.sh", "--url", url).stderr
    done = machine.run("install.sh", "--url", site.publish(program("3"), "0" * 64))
    assert done.returncode == 1
    assert f"not {'0' * 64}" in done.stderr
    assert machine.everything() == {}


def test_an_unknown_option_is_refused(machine: Machine) -> None:
    done = machine.run("install.sh", "--quickly")
    assert (done.returncode, machine.everything()) == (1, {})
    assert "unknown option --quickly" in done.stderr


def test_uninstalling_keeps_settings_and_data(machine: Machine, program: Program) -> None:
    machine.run("install.sh", "--binary", program("1"))
    machine.data.mkdir(parents=True)
    (machine.data / "records").write_text("kept")
    assert machine.run("uninstall.sh").returncode == 0
    left = {
        str(path.relative_to(machine.root)) for path in machine.root.rglob("*") if path.is_file()
    }
    kept = {machine.folder / ".env", machine.data / "records"}
    assert left == {str(path.relative_to(machine.root)) for path in kept}
    assert not machine.link.is_symlink()


def test_purging_leaves_nothing_and_doing_it_again_is_no_error(
    machine: Machine, program: Program
) -> None:
    machine.run("install.sh", "--binary", program("1"))
    machine.data.mkdir(parents=True)
    (machine.data / "records").write_text("gone")
    assert machine.run("uninstall.sh", "--purge").returncode == 0
    assert machine.everything() == {}
    assert "not installed" in machine.run("uninstall.sh", "--purge").stdout
