"""The gateway with some of its features left out, to see what each of them costs.

    python -m bench.without key log ...

Made here by emptying rooms before the gateway starts, for in the gateway itself nobody should be
able to switch such things off by mistake.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import _llamagate.middlewares
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

_MIDDLEWARES = {"key": "auth", "bucket": "rate_limit", "origin": "cors"}
_EMPTIED: dict[str, list[tuple[type, str, Callable[..., object]]]] = {
    "log": [(Log, "write", lambda *_: None)],
    "metrics": [(Metrics, "ended", lambda *_: None), (Histogram, "add", lambda *_: None)],
    "queue": [(Queue, "enter", lambda *_: _TURN)],
}


def leave_out(features: Sequence[str]) -> None:
    for feature in features:
        for room, method, nothing in _EMPTIED.get(feature, []):
            setattr(room, method, nothing)
    gone = {_MIDDLEWARES[feature] for feature in features if feature in _MIDDLEWARES}
    if "log" in features and "metrics" in features:
        gone.add("access_log")  # which serves nothing else
    vars(app)["build_middlewares"] = fewer_middlewares(gone)


def fewer_middlewares(gone: set[str]) -> Callable[..., list[Any]]:
    """A middleware is known by the function that made it."""

    def build(**rooms: Any) -> list[Any]:
        made = _llamagate.middlewares.build_middlewares(**rooms)
        return [one for one in made if one.__qualname__.partition(".")[0] not in gone]  # type: ignore[attr-defined]

    return build


if __name__ == "__main__":
    leave_out(sys.argv[1:])
    sys.argv[1:] = []
    sys.exit(cli.main())
