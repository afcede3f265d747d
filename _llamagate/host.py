"""The machine the gateway runs on: how busy it is, and whether it has a GPU.

A GPU is seen through NVIDIA's library where the extra `gpu` is installed; without it, or without
a driver, there is none to report.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

_FRESH = 1.0  # seconds a look is good for
_FIRST = 0.1  # seconds that the first one takes


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
        self._looking = False

    @property
    def has_gpu(self) -> bool:
        return bool(self._gpus)

    async def load(self) -> HostLoad:
        if not self._looking:
            self._looking = True
            _cpu()  # the first call only begins to measure
            await asyncio.sleep(_FIRST)
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
    import psutil  # here, because it takes a megabyte, and many gateways are never asked

    try:
        return float(psutil.cpu_percent())
    except OSError:  # a sandbox that hides /proc
        return 0.0


def _memory() -> float:
    import psutil  # as above

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
