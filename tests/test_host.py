"""What is told of the machine, with and without a GPU."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from _llamagate.host import Host


class NVMLError(Exception):
    """The library's one kind of error."""


class FakeNvml(ModuleType):
    """NVIDIA's library for a machine with these GPUs: how busy each is, None is not to be known."""

    NVMLError = NVMLError

    def __init__(self, *busy: int | None, driver: bool = True) -> None:
        super().__init__("pynvml")
        self.busy = list(busy)
        self.driver = driver
        self.looks = 0

    def nvmlInit(self) -> None:
        if not self.driver:
            raise NVMLError("driver not loaded")

    def nvmlDeviceGetCount(self) -> int:
        return len(self.busy)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        self.looks += 1
        if (busy := self.busy[handle]) is None:
            raise NVMLError("not supported")
        return SimpleNamespace(gpu=busy)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> FakeNvml:
    fake = FakeNvml(*request.param)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    return fake


async def test_cpu_and_memory_are_percentages() -> None:
    load = await Host().load()
    assert 0 <= load.cpu <= 100
    assert 0 < load.memory <= 100


async def test_without_nvidias_library_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    host = Host()
    assert not host.has_gpu
    assert (await host.load()).gpu == 0.0


def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(50, driver=False))
    assert not Host().has_gpu


@pytest.mark.parametrize("nvml", [()], indirect=True)
def test_a_driver_without_a_gpu_is_none(nvml: FakeNvml) -> None:
    assert not Host().has_gpu


@pytest.mark.parametrize("nvml", [(12, 87, 3)], indirect=True)
async def test_of_several_gpus_the_busiest_is_told(nvml: FakeNvml) -> None:
    host = Host()
    assert host.has_gpu
    assert (await host.load()).gpu == 87.0


@pytest.mark.parametrize("nvml", [(None, 40)], indirect=True)
async def test_a_gpu_that_does_not_say_counts_as_idle(nvml: FakeNvml) -> None:
    host = Host()
    assert (await host.load()).gpu == 40.0
    nvml.busy = [None, None]
    host._at = float("-inf")
    assert (await host.load()).gpu == 0.0


@pytest.mark.parametrize("nvml", [(40,)], indirect=True)
async def test_a_look_is_good_for_a_second(nvml: FakeNvml) -> None:
    host = Host()
    assert await host.load() is await host.load()
    assert nvml.looks == 1


async def test_a_sandbox_that_hides_proc_hides_numbers_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """psutil reads /proc by this name; a folder without the files is what a sandbox shows."""
    monkeypatch.setattr("psutil.PROCFS_PATH", "/nowhere")

    load = await Host().load()

    assert load.cpu == 0.0
    assert load.memory == 0.0
