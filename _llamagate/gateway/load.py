"""Models into an engine's memory, and out of it."""

import re
from contextlib import aclosing

from _llamagate.engines.pool import Pool
from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Call, Caller, Completion, Model, Resident
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.models import ListModels
from _llamagate.models import canonical

_BITS = re.compile(r"(?:I?Q|F|BF|FP|INT|MXFP)(\d+)")


class LoadModels:
    """Loads through the queue like any other work, so that a load waits its turn."""

    def __init__(self, generate: Generate, models: ListModels, pool: Pool) -> None:
        self._generate = generate
        self._models = models
        self._pool = pool
        self._last = ""  # the model last loaded through here

    async def load(self, asked: str, bits: int, call: Call) -> Resident | None:
        """What came into memory; None where the engine cannot say. `bits`: the quantization that
        is wanted, 0 as it is."""
        if bits:
            _check_quantization(await self._models.one(asked, call.caller), bits)
        call.no_store = True  # an old answer loads nothing
        await self._run(Completion(model=asked, prompt=""), call)
        self._last = canonical(call.model)
        self._pool.forget(call.engine)
        await self._pool.refresh()
        return next((one for name, one in self._resident() if name == self._last), None)

    async def unload(self, asked: str, call: Call) -> str:
        """The name of what was unloaded, "" when nothing was there to unload."""
        name = self._target(asked, call.caller)
        if not name:
            return ""
        call.no_store = True
        await self._run(Completion(model=name, prompt="", keep_alive=0), call)
        self._last = ""
        self._pool.forget(call.engine)
        return name

    def _target(self, asked: str, caller: Caller) -> str:
        if asked:
            return asked
        resident = [one.name for _, one in self._resident()]
        if self._last:
            return self._last
        return resident[0] if len(resident) == 1 else ""

    def _resident(self) -> list[tuple[str, Resident]]:
        return [(canonical(one.name), one) for _, one in self._pool.residents()]

    async def _run(self, request: Completion, call: Call) -> None:
        async with aclosing(self._generate([request], call)) as events:
            async for _ in events:
                pass


def _check_quantization(model: Model, bits: int) -> None:
    """An engine serves a model as it was made; only the same number of bits can be had."""
    details = model.entry.get("details")
    level = str(details.get("quantization_level", "")) if isinstance(details, dict) else ""
    found = _BITS.match(level.upper())
    if found is None or int(found[1]) != bits:
        is_now = f"it is {level}" if level else "how it is quantized is not known"
        raise InvalidRequest(
            f"`{model.name}` cannot be loaded with {bits} bits: {is_now}. Pull a tag with that "
            "quantization, or send 0 to load it as it is.",
            param="quantization_bits",
        )
