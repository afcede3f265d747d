"""Builds dist/llamagate, one file that needs no Python, with its licences, sums and parts list.

Run by scripts/unix/build.sh and scripts/windows/build.cmd, in an environment made from
requirements/build.txt: PyInstaller packs what it finds installed, so nothing else may be there.
"""

import hashlib
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from PyInstaller.archive.readers import CArchiveReader

import sbom

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
PROGRAM = DIST / ("llamagate.exe" if os.name == "nt" else "llamagate")
MOST_BYTES = 25 * 1024 * 1024
LICENCE = re.compile(r"\.dist-info/(licenses/.+|(LICEN[CS]E|COPYING|NOTICE)[^/]*)$", re.IGNORECASE)
NEVER_INSIDE = (".env", "direct_url.json", "llamagate.toml", "tokens.json")


def main() -> None:
    os.chdir(ROOT)
    parts = runtime_distributions()
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "THIRD_PARTY_LICENSES.txt").write_text(licences(parts), encoding="utf-8")
    recipe = ("--noconfirm", "--clean", "--log-level", "WARN", "llamagate.spec")
    if subprocess.call([sys.executable, "-m", "PyInstaller", *recipe]) != 0:
        sys.exit("PyInstaller failed; scripts/unix/services.sh installs what it needs.")
    check()
    listed = DIST / "llamagate.cdx.json"
    listed.write_text(sbom.render(version(), parts), encoding="utf-8")
    (DIST / "SHA256SUMS").write_text(sums(PROGRAM, listed), encoding="utf-8", newline="\n")
    print(f"{PROGRAM.relative_to(ROOT)}: {PROGRAM.stat().st_size / 2**20:.1f} MiB")


def runtime_distributions() -> list[metadata.Distribution]:
    """What requirements/runtime.txt names and this platform has."""
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    found = []
    for name in re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE):
        try:
            found.append(metadata.distribution(name))
        except metadata.PackageNotFoundError:
            continue  # a marker of the lock keeps it off this platform
    return found


def version() -> str:
    source = (ROOT / "_llamagate" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if not found:
        sys.exit("_llamagate/__init__.py has no line __version__ = ...")
    return found[1]


def licences(parts: list[metadata.Distribution]) -> str:
    own = Path(os.__file__).with_name("LICENSE.txt")
    python = own.read_text(encoding="utf-8") if own.exists() else "PSF-2.0\n"
    texts = [f"Python {platform.python_version()}\n\n{python}"]
    for part in parts:
        files = [file for file in part.files or () if LICENCE.search(file.as_posix())]
        body = "\n\n".join(file.read_text(encoding="utf-8") for file in files)
        texts.append(f"{part.name} {part.version}\n\n{body or sbom.licence_of(part)}\n")
    return f"\n{'=' * 78}\n\n".join(texts)


def sums(*files: Path) -> str:
    """As sha256sum writes them, for `sha256sum --check`."""
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files
    )


def check() -> None:
    """Refuses a program that is too large, or that carries something of the build machine."""
    if PROGRAM.stat().st_size > MOST_BYTES:
        sys.exit(f"{PROGRAM} has {PROGRAM.stat().st_size} bytes, more than {MOST_BYTES}.")
    here = [str(path).encode() for path in (ROOT / "_llamagate", ROOT / "build", sys.prefix)]
    if sys.platform == "linux" and sys.base_prefix != "/usr":
        here.append(str(Path(sys.base_prefix).parent).encode() + b"/")
    for name, content in contents(PROGRAM):
        if Path(name).name in NEVER_INSIDE:
            sys.exit(f"{name} must not be in the executable.")
        for path in here:
            if path in content:
                sys.exit(
                    f"{name} in the executable names {path.decode()}, a folder of this machine."
                )


def contents(program: Path) -> list[tuple[str, bytes]]:
    reader = CArchiveReader(str(program))
    found = []
    for name in reader.toc:
        if name.endswith(".pyz"):
            inner = reader.open_embedded_archive(name)
            found += [(module, inner.extract(module, raw=True) or b"") for module in inner.toc]
        else:
            found.append((name, reader.extract(name)))
    return found


if __name__ == "__main__":
    main()
