"""The machine as Linux tells it: which cores there are, and what a process has used of them."""

import os
import platform
import resource
import subprocess
import sysconfig
from functools import cache
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class NotHere(Exception):
    """Something the rig needs is missing; the message says what to do."""


@cache  # before this process pins itself to one of them
def cores() -> tuple[int, int]:
    """The core of what is measured, and the core of those who measure."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise NotHere("the rig needs two cores; this process may use only one")
    return allowed[0], allowed[1]


def allow_many_files() -> None:
    """A thousand streams are two thousand sockets."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def family(pid: int) -> list[int]:
    """A process and all that came of it."""
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children."""
    return sum(map(_ticks, family(pid))) / _TICK


def _ticks(pid: int) -> int:
    # The second field is the command in parentheses and may hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def busy_seconds() -> float:
    """How long the two cores have worked, for whomever."""
    ours = tuple(f"cpu{core} " for core in cores())
    busy = 0
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(ours):
            user, nice, system, _, _, interrupts, soft_interrupts, *_ = map(int, line.split()[1:])
            busy += user + nice + system + interrupts + soft_interrupts
    return busy / _TICK


def resident_bytes(pid: int) -> int:
    return sum(
        int(Path(f"/proc/{member}/statm").read_text().split()[1]) * _PAGE for member in family(pid)
    )


def open_files(pid: int) -> int:
    return sum(len(os.listdir(f"/proc/{member}/fd")) for member in family(pid))


def describe() -> dict[str, object]:
    """What somebody must know to compare figures, and to see that they had better not."""
    built = str(sysconfig.get_config_var("CONFIG_ARGS"))
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": f"{platform.python_version()} ({platform.python_compiler()})",
        "python_optimised": "--enable-optimizations" in built,
        "commit": _commit(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return told.stdout.strip()
