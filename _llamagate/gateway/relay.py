"""What has no neutral form: passed on to an Ollama engine, and its answer back.

Whether the names may be used, which engine is asked, and what the gateway must not believe any
longer afterwards is decided here. Who may ask at all is a property of the route.
"""

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from _llamagate.engines.http import Answer
from _llamagate.engines.ollama import OllamaEngine
from _llamagate.engines.pool import Pool
from _llamagate.errors import (
    EngineBroke,
    EngineFailed,
    EngineGarbled,
    InvalidRequest,
    NoSuchModel,
    NotAllowed,
)
from _llamagate.exchange import Call, Caller
from _llamagate.gateway.answers import Answers
from _llamagate.gateway.hops import check_hops
from _llamagate.models import Names, canonical, leaves_machine
from _llamagate.wires.frames import Lines
from _llamagate.wires.ollama import admin
from _llamagate.wires.ollama.errors import error_text, parse_error

LineBatches: TypeAlias = AsyncGenerator[list[bytes], None]


@dataclass(frozen=True, slots=True)
class Relayed:
    """A whole answer of an engine."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Relay:
    """`engine` is a name, or "" for the first Ollama engine."""

    names: Names
    pool: Pool
    answers: Answers

    async def pass_on(
        self,
        method: str,
        path: str,
        call: Call,
        engine: str = "",
        body: bytes | AsyncIterable[bytes] = b"",
        content_type: str = "application/json",
    ) -> Answer:
        check_hops(call)
        answer = await self._engine(engine).relay(method, path, call, body, content_type)
        if 300 <= answer.status < 400:
            async with answer:
                raise EngineGarbled("The engine answered with a redirect, and none is followed.")
        return answer

    def fetch(self, path: str, work: admin.Work, call: Call, engine: str) -> LineBatches:
        """A pull or a create: a model that was not there comes from somewhere."""
        self._check_origin(work.model, call.caller)
        if work.base:
            self._check_origin(work.base, call.caller)
        if work.remote:
            self._check_remote()
        return self._work(self._engine(engine), path, work, call)

    async def push(self, work: admin.Work, call: Call, engine: str) -> LineBatches:
        self._check_permission(work.model, call.caller)
        holder = (await self._holders(work.model, engine))[0]
        return self._work(holder, "/api/push", work, call)

    async def copy(self, copy: admin.Copy, call: Call, engine: str) -> Relayed:
        self._check_permission(copy.source, call.caller)
        self._check_origin(copy.destination, call.caller)
        holder = (await self._holders(copy.source, engine))[0]
        return await self._change(holder, "POST", "/api/copy", admin.render_copy(copy), call)

    async def delete(self, model: str, call: Call, engine: str) -> Relayed:
        """From every engine that has it, up to the first that refuses."""
        self._check_permission(model, call.caller)
        body = admin.render_delete(model)
        for holder in await self._holders(model, engine):
            relayed = await self._change(holder, "DELETE", "/api/delete", body, call)
            if relayed.status != 200:
                break
        return relayed

    # ------------------------------------------------------------ which engine

    def _engine(self, name: str) -> OllamaEngine:
        engine = self.pool.engine(name)
        if not isinstance(engine, OllamaEngine):
            raise InvalidRequest(
                f"The engine `{name}` is no Ollama server: this call is for those only.",
                param="engine",
            )
        return engine

    async def _holders(self, model: str, engine: str) -> list[OllamaEngine]:
        """Those that have the model; where none has, the first may say so."""
        if engine:
            return [self._engine(engine)]
        await self.pool.refresh()
        found = self.pool.everywhere(canonical(model))
        having = [one for one, _ in found if isinstance(one, OllamaEngine)]
        return having or [self._engine("")]

    # ------------------------------------------------------------ which names

    def _check_permission(self, name: str, caller: Caller) -> None:
        if not self.names.permits(name, caller):
            raise NoSuchModel.named(name)

    def _check_origin(self, name: str, caller: Caller) -> None:
        self._check_permission(name, caller)
        if leaves_machine(name):
            self._check_remote()

    def _check_remote(self) -> None:
        if not self.names.cloud:
            raise NotAllowed(
                "This model would run on another machine. Such models can be allowed: "
                "cloud_models = true in llamagate.toml.",
                param="model",
            )

    # ------------------------------------------------------------ asking

    async def _work(
        self, engine: OllamaEngine, path: str, work: admin.Work, call: Call
    ) -> LineBatches:
        """Its lines as the engine sends them. Whoever leaves ends the work with it."""
        check_hops(call)
        try:
            async with await engine.relay("POST", path, call, admin.render_work(work)) as answer:
                if answer.status != 200:
                    body = await answer.read_all()
                    raise parse_error(answer.status, body, answer.header("retry-after"))
                async with aclosing(lines_of(answer)) as lines:
                    async for batch in lines:
                        yield batch
        finally:
            self._changed(engine)

    async def _change(
        self, engine: OllamaEngine, method: str, path: str, body: bytes, call: Call
    ) -> Relayed:
        check_hops(call)
        try:
            async with await engine.relay(method, path, call, body) as answer:
                content_type = answer.header("content-type")
                return Relayed(answer.status, content_type, await answer.read_all())
        finally:
            self._changed(engine)

    def _changed(self, engine: OllamaEngine) -> None:
        """Other models, or the same with other weights: lists and kept answers are old."""
        self.pool.forget(engine.settings.name)
        self.answers.clear()


async def lines_of(answer: Answer) -> LineBatches:
    """Whole lines, so that a sign of life between two of them breaks none."""
    lines = Lines()
    while data := await answer.read():
        if batch := [line for line in lines.feed(data) if line.strip()]:
            yield batch
    if rest := lines.rest().strip():
        yield [rest]


async def last_line(batches: LineBatches) -> bytes:
    """What work came to, for those who do not want to watch it."""
    last = b""
    async with aclosing(batches):
        async for batch in batches:
            last = batch[-1]
    if not last:
        raise EngineBroke("The engine ended its answer without a word.")
    if failure := error_text(last):
        raise EngineFailed(failure)
    return last
