"""Work beside the requests: a task with a name, kept until it ends, its failure logged."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_log = logging.getLogger("llamagate.background")
_running: set["asyncio.Task[Any]"] = set()  # the loop itself keeps weak references only


def spawn(work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: "asyncio.Task[Any]") -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()):
        _log.error("task_failed", extra={"task": task.get_name()}, exc_info=error)
