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
        self._nvml = _nvml()
        self._seen = HostLoad(0.0, 0.0, 0.0)
        self._at = float("-inf")
        psutil.cpu_percent()  # the first call only begins to measure

    @property
    def has_gpu(self) -> bool:
        return self._nvml is not None

    def load(self) -> HostLoad:
        now = time.monotonic()
        if now - self._at >= _FRESH:
            self._at = now
            self._seen = HostLoad(
                psutil.cpu_percent(), psutil.virtual_memory().percent, self._gpu()
            )
        return self._seen

    def _gpu(self) -> float:
        nvml = self._nvml
        if nvml is None:
            return 0.0
        return max(
            float(nvml.nvmlDeviceGetUtilizationRates(nvml.nvmlDeviceGetHandleByIndex(index)).gpu)
            for index in range(nvml.nvmlDeviceGetCount())
        )


def _nvml() -> Any:
    """NVIDIA's library, opened; None where it, its driver or a device is missing."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        return pynvml if pynvml.nvmlDeviceGetCount() else None
    except pynvml.NVMLError:
        return None
