"""Makes the Python environment that a lock in requirements/ describes.

    python3 scripts/environment.py LOCK FOLDER

With uv when it is there, else with venv and pip. When that is done already and the lock is
unchanged, it says nothing and takes no time. Any Python 3 can read this file, so that one too old
for LlamaGate can still say what to install.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")

NO_PYTHON = """LlamaGate needs Python 3.11 or newer; this is {version}. Install one of:
  Debian, Ubuntu   sudo apt install python3 python3-venv
  Fedora           sudo dnf install python3
  macOS            brew install python
  Windows          winget install Python.Python.3.13
  anywhere         uv (it brings its own Python)
Then run this again."""

NO_VENV = """Python is here but cannot make environments: its venv module is missing.
On Debian and Ubuntu:
  sudo apt install python3-venv
Then run this again."""


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    lock, folder = sys.argv[1:]
    path = os.path.join(ROOT, "requirements", lock + ".txt")
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    ready(os.path.join(ROOT, folder), lock + ".lock", digest, "--requirement", path)


def ready(folder: str, stamp: str, wanted: str, *packages: str) -> str:
    """The environment's Python, made or renewed when the file `stamp` does not say `wanted`."""
    python = python_in(folder)
    stamp = os.path.join(folder, stamp)
    if os.path.exists(python) and read(stamp) == wanted:
        return python
    sys.stderr.write(f"Installing into {folder}\n")
    if not os.path.exists(python):
        make(folder)
    install(python, *packages)
    with open(stamp, "w") as file:
        file.write(wanted)
    return python


def python_in(folder: str) -> str:
    return os.path.join(
        folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python"))
    )


def make(folder: str) -> None:
    """An empty environment, over whatever broken one was there."""
    base = new_enough()
    uv = shutil.which("uv")
    if uv:
        run(uv, "venv", "--quiet", "--clear", "--python", base or ">=3.11", folder)
        return
    if not base:
        sys.exit(NO_PYTHON.format(version=sys.version.split()[0]))
    if subprocess.call([base, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL) != 0:
        sys.exit(NO_VENV)
    run(base, "-m", "venv", "--clear", folder)


def new_enough() -> str:
    """A Python that LlamaGate runs on: this one, or a newer one beside it, or none: ""."""
    if sys.version_info >= OLDEST:
        return sys.executable
    check = f"import sys; sys.exit(sys.version_info < {OLDEST!r})"
    for name in NEWER_NAMES:
        path = shutil.which(name)
        if path and subprocess.call([path, "-c", check], stderr=subprocess.DEVNULL) == 0:
            return path
    return ""


def install(python: str, *packages: str) -> None:
    uv = shutil.which("uv")
    if uv:
        run(uv, "pip", "install", "--quiet", "--python", python, *packages)
    else:
        run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages)


def run(*command: str) -> None:
    code = subprocess.call(command)
    if code != 0:
        sys.exit(f"This command failed with status {code}: {' '.join(command)}")


def read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
