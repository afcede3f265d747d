"""The HTTP clients are tested on both loops they may run on."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    loops: dict[str, Callable[[], AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name == "test_http.py":
        try:
            import uvloop
        except ImportError:  # there is none for Windows
            pass
        else:
            loops["uvloop"] = uvloop.new_event_loop
    return loops
