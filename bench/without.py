"""The gateway with some of its features left out, to see what each of them costs.

    python -m bench.without key log ...

Made here by emptying rooms before the gateway starts, for in the gateway itself nobody should be
able to switch such things off by mistake.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from _llamagate import app, cli
from _llamagate.log import Log
from _llamagate.metrics import Histogram, Metrics
from _llamagate.queue import Queue


class Turn:
    """A place in a queue that is none."""

    ready = True
    position = 0

    def leave(self, seconds: float | None = None) -> None: ...


_TURN = Turn()

# The rooms of a feature, and what stands there instead: steps that do nothing, counters that stay.
_EMPTIED: dict[str, list[tuple[Any, str, Callable[..., object]]]] = {
    "key": [(app, "auth", lambda *_: lambda *_: None)],
    "bucket": [(app, "rate_limit", lambda *_: lambda *_: None)],
    "origin": [(app, "cors", lambda *_: lambda *_: None)],
    "log": [(Log, "write", lambda *_: None)],
    "metrics": [(Metrics, "ended", lambda *_: None), (Histogram, "add", lambda *_: None)],
    "queue": [(Queue, "enter", lambda *_: _TURN)],
}


def leave_out(features: Sequence[str]) -> None:
    for feature in features:
        for room, name, nothing in _EMPTIED.get(feature, []):
            setattr(room, name, nothing)


if __name__ == "__main__":
    leave_out(sys.argv[1:])
    sys.argv[1:] = []
    sys.exit(cli.main())
