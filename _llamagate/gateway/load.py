"""Models into an engine's memory, and out of it.

A load goes through the queue like any other work. An unload is none: each engine that holds the
model is told at once, and lets go of it when it is idle.
"""

import re
from contextlib import aclosing

from _llamagate.engines.pool import Candidate, Pool
from _llamagate.errors import InvalidRequest, NoSuchModel
from _llamagate.exchange import Call, Caller, Completion, Embed, Events, Model, Resident
from _llamagate.gateway.embed import EmbedTexts
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.hops import check_hops
from _llamagate.gateway.models import ListModels
from _llamagate.gateway.resolve import find, resolve
from _llamagate.models import canonical

_BITS = re.compile(r"(?:I?Q|BF|FP?|INT|MXFP|NVFP)(\d+)")


class LoadModels:
    def __init__(
        self, generate: Generate, embed: EmbedTexts, models: ListModels, pool: Pool
    ) -> None:
        self._generate = generate
        self._embed = embed
        self._models = models
        self._names = generate.names
        self._pool = pool
        self._last = ""  # the model last loaded through here, canonical

    async def load(self, asked: str, bits: int, call: Call) -> Resident | None:
        """What came into memory; None where the engine cannot say. `bits`: the quantization that
        is wanted, 0 as it is."""
        listed = await self._models.find(asked, call)
        if bits:
            _check_quantization(asked, listed, bits)
        call.no_store = True  # an old answer loads nothing
        if listed and _only_embeds(listed):
            await self._embed(Embed(model=asked, inputs=()), call)
        else:
            await _run(self._generate([Completion(model=asked, prompt="")], call))
        self._pool.forget(call.engine)
        await self._pool.refresh()
        names = self._names.resolve(asked, call.caller).names
        held = (one for engine, one in self._pool.residents() if engine == call.engine)
        loaded = next((one for one in held if canonical(one.name) in names), None)
        self._last = canonical(loaded.name) if loaded else names[0]
        return loaded

    async def unload(self, asked: str, call: Call) -> str:
        """The name of what was unloaded, "" when nothing was there to unload. Without a name it is
        the model last loaded through here, else the only one in memory."""
        check_hops(call)
        self._pool.forget()
        await self._pool.refresh()
        holders = await self._holders(asked, call)
        for holder in holders:
            call.model, call.engine = holder.name, holder.engine.settings.name
            request = Completion(model=holder.model, prompt="", keep_alive=0)
            await _run(holder.engine.generate(request, call))
            self._pool.forget(call.engine)
        if not holders:
            return ""
        if holders[0].name == self._last:
            self._last = ""
        return asked or holders[0].model

    async def _holders(self, asked: str, call: Call) -> list[Candidate]:
        if asked:
            found = await find(self._pool, resolve(self._names, self._pool, asked, call))
        else:
            found = self._pool.candidates(self._current(call.caller))
        return [candidate for candidate in found if candidate.resident]

    def _current(self, caller: Caller) -> tuple[str, ...]:
        held = {
            canonical(one.name)
            for engine, one in self._pool.residents()
            if self._pool.kind(engine) != "openai" and self._names.permits(one.name, caller)
        }
        if self._last in held:
            return (self._last,)
        return tuple(held) if len(held) == 1 else ()


async def _run(events: Events) -> None:
    async with aclosing(events):
        async for _ in events:
            pass


def _only_embeds(model: Model) -> bool:
    able = model.capabilities
    return model.kind == "ollama" and "embedding" in able and "completion" not in able


def _check_quantization(asked: str, model: Model | None, bits: int) -> None:
    """An engine serves a model as it was made; only the same number of bits can be had."""
    if model is None:
        raise NoSuchModel.named(asked)
    level = model.quantization
    found = _BITS.match(level.upper())
    if found is None or int(found[1]) != bits:
        is_now = f"it is {level}" if level else "how it is quantized is not known"
        raise InvalidRequest(
            f"`{asked}` cannot be loaded with {bits} bits: {is_now}. Pull a tag with that "
            "quantization, or send 0 to load it as it is.",
            param="quantization_bits",
        )
