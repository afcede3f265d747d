"""Everything a change must pass, what fails fastest first. `scripts/unix/test.sh` runs it.

    check.py               lint, format, import contract, types, shell scripts, tests with coverage
    check.py --lint        only what needs no running
    check.py [PYTEST ...]  only the tests that these arguments choose

A step whose tool is missing here is named at the end, with the way to get it; under CI it fails.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LEAST_COVERAGE = 90  # percent, branches included


@dataclass(frozen=True)
class Step:
    name: str
    command: tuple[str, ...]
    install: str = ""  # how to get the tool, when it does not come with requirements/dev.txt


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["--lint"]:
        return report(LINT)
    if arguments:
        return subprocess.call([tool("pytest"), *arguments], cwd=ROOT)
    return report([*LINT, *TESTS])


def tool(name: str) -> str:
    return str(BIN / name)


def shell_scripts() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "*.sh", ".ci/run"], cwd=ROOT, capture_output=True, text=True
    )
    return listed.stdout.split()


def report(steps: list[Step]) -> int:
    failed, missing = [], []
    for step in steps:
        if not shutil.which(step.command[0]):
            missing.append(step)
            continue
        print(f"\n== {step.name}", flush=True)
        if subprocess.call(step.command, cwd=ROOT) != 0:
            failed.append(step.name)
    print()
    for step in missing:
        print(f"Not run: {step.name}. To enable it: {step.install}")
    if missing and os.environ.get("CI") == "true":
        failed += [step.name for step in missing]
    print(f"Failed: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


LINT = [
    Step("ruff check", (tool("ruff"), "check")),
    Step("ruff format", (tool("ruff"), "format", "--check")),
    Step("import contract", (tool("lint-imports"),)),
    Step("mypy --strict", (tool("mypy"),)),
    Step(
        "shellcheck",
        ("shellcheck", *shell_scripts()),
        install="scripts/unix/services.sh, or install shellcheck",
    ),
]
TESTS = [
    Step("tests", (tool("coverage"), "run", "-m", "pytest")),
    Step("coverage data", (tool("coverage"), "combine", "--quiet")),
    Step("coverage", (tool("coverage"), "report", f"--fail-under={LEAST_COVERAGE}")),
]

if __name__ == "__main__":
    raise SystemExit(main())
