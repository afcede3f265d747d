"""The machine the gateway runs on: how busy it is, and whether it has a GPU.

A GPU is seen through NVIDIA's library where the extra `gpu` is installed; without it, or without
a driver, there is none to report.
"""

import time
from dataclasses import dataclass
from typing import Any

import psutil

_FRESH = 1.0  # seconds a look is good for


@dataclass(frozen=True, slots=True)
class HostLoad:
    cpu: float  # percent
    memory: float  # percent
    gpu: float  # percent, of the busiest


class Host:
    def __init__(self) -> None:
        self._nvml, self._gpus = _nvidia()
        self._seen = HostLoad(0.0, 0.0, 0.0)
        self._at = float("-inf")
        _cpu()  # the first call only begins to measure

    @property
    def has_gpu(self) -> bool:
        return bool(self._gpus)

    def load(self) -> HostLoad:
        now = time.monotonic()
        if now - self._at >= _FRESH:
            self._at = now
            busiest = max(map(self._busy, self._gpus), default=0.0)
            self._seen = HostLoad(_cpu(), _memory(), busiest)
        return self._seen

    def _busy(self, gpu: Any) -> float:
        """Not every GPU says how busy it is, and one can be lost at any time."""
        try:
            return float(self._nvml.nvmlDeviceGetUtilizationRates(gpu).gpu)
        except self._nvml.NVMLError:
            return 0.0


def _cpu() -> float:
    try:
        return float(psutil.cpu_percent())
    except OSError:  # a sandbox that hides /proc
        return 0.0


def _memory() -> float:
    try:
        return float(psutil.virtual_memory().percent)
    except OSError:
        return 0.0


def _nvidia() -> tuple[Any, list[Any]]:
    """NVIDIA's library and its GPUs; none where it, its driver or a GPU is missing."""
    try:
        import pynvml
    except ImportError:
        return None, []
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        return pynvml, [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
    except pynvml.NVMLError:
        return None, []
