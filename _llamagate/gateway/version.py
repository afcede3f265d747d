"""Which Ollama this is: the version of the engine behind, because clients go by it."""

import time
from collections.abc import Callable

from _llamagate.engines.ollama import OllamaEngine
from _llamagate.engines.pool import Pool
from _llamagate.errors import NoEngine
from _llamagate.wires.ollama import SPOKEN

_KEPT = 10.0  # seconds; anybody may ask


class EngineVersion:
    def __init__(self, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._known = ""
        self._asked = float("-inf")

    async def __call__(self) -> str:
        if self._clock() - self._asked < _KEPT:
            return self._known
        if not any(state.kind == "ollama" for state in self._pool.engines):
            return SPOKEN
        await self._pool.refresh()
        engine = self._pool.engine()
        assert isinstance(engine, OllamaEngine)
        if not self._pool.up()[engine.settings.name]:
            raise NoEngine("No Ollama engine answers, so its version is not known.", retry_after=5)
        self._known = await engine.version()
        self._asked = self._clock()
        return self._known
