"""Hugging Face models, served by `transformers serve` in a Python of its own.

Names come from MODEL_NAME and HF_MODELS. A model is downloaded when it is first asked for, and
served by a child process; `snapshots` and `child` see to that, and being asked for its list starts
neither. The wire is OpenAI's with its traps mended, in `wires/openai/transformers.py`.
"""

from contextlib import aclosing

import orjson

from _llamagate.config import Config, EngineSettings
from _llamagate.engines.base import call_headers
from _llamagate.engines.child import MODEL, Child, Place
from _llamagate.engines.python import Python, find
from _llamagate.engines.snapshots import Snapshot, Snapshots
from _llamagate.errors import EngineRefused
from _llamagate.exchange import (
    AudioPart,
    Call,
    Chat,
    Completion,
    Embed,
    Embedded,
    Events,
    Finish,
    ImagePart,
    Model,
    Part,
    Resident,
)
from _llamagate.wires.names import canonical, is_hub_id
from _llamagate.wires.openai import transformers as wire
from _llamagate.wires.openai.engine_answers import AnswerParser
from _llamagate.wires.openai.engine_errors import parse_error
from _llamagate.wires.openai.stops import Until


class TransformersEngine:
    def __init__(self, settings: EngineSettings, python: Python, snapshots: Snapshots) -> None:
        self.settings = settings
        self._python = python
        self._snapshots = snapshots
        self._place = Place(python, snapshots.hub, settings.timeout)

    async def generate(self, request: Chat | Completion, call: Call) -> Events:
        model = self._id(request.model)
        moves = isinstance(request, Completion) and not request.prompt
        if moves and request.keep_alive == 0:
            await self._place.clear(model)
            yield [Finish("unload")]
            return
        await self._python.check()
        snapshot = await self._snapshots.get(model)
        if lacking := _lacking(request, snapshot):
            raise EngineRefused(f"`{model}` {lacking}")
        async with self._place.use(model, snapshot) as child:
            await child.client()
            if moves:
                yield [Finish("load")]
                return
            async with aclosing(self._ask(child, request, call)) as events:
                async for batch in events:
                    yield batch

    def _id(self, spelled: str) -> str:
        """A client may have written it as an address, or with a tag."""
        if spelled in self.settings.models or is_hub_id(spelled):
            return spelled
        return canonical(spelled)

    async def _ask(self, child: Child, request: Chat | Completion, call: Call) -> Events:
        talks = child.snapshot.talks
        call.ignored += wire.unsent(request, talks=talks)
        path, body = wire.render(request, talks=talks)
        parser = AnswerParser(
            one_call=isinstance(request, Chat) and not request.parallel_tool_calls
        )
        until = Until(request.stop)
        body["model"] = MODEL
        async with await child.send(path, orjson.dumps(body), call_headers(call)) as answer:
            if answer.status != 200:
                raise parse_error(answer.status, await answer.read_all(limit=1024 * 1024))
            while data := await answer.read():
                if events := until.feed(parser.feed(data)):
                    yield events
                if parser.failure:
                    raise parser.failure
            if events := until.feed(parser.end()):
                yield events
            if parser.failure:
                raise parser.failure

    async def embed(self, request: Embed, call: Call) -> Embedded:
        raise EngineRefused(
            f"`{request.model}` runs in transformers, which makes no embeddings: ask an embedding "
            "model of another engine."
        )

    async def models(self) -> list[Model]:
        """Those that were declared, and those that were downloaded."""
        await self._python.check()
        declared = [name for name in self.settings.models if "*" not in name]
        names = [*declared, *await self._snapshots.names()]
        return [Model(name, engine=self.settings.name, kind="transformers") for name in names]

    async def resident(self) -> list[Resident]:
        child = self._place.child
        if child is None or not child.ready:
            return []
        return [Resident(child.model, context_length=child.snapshot.context)]

    async def context_length(self, model: str) -> int:
        found = await self._snapshots.here(self._id(model))
        return found.context if found else 0

    def activity(self) -> list[str]:
        child = self._place.child
        state = f"{child.model}: {child}" if child and f"{child}" else ""
        return self._snapshots.activity + [state] * bool(state)

    async def close(self) -> None:
        await self._snapshots.close()
        await self._place.close()


def open_transformers(settings: EngineSettings, config: Config) -> TransformersEngine:
    python = Python(find(config.transformers_python, config.data_dir), config.environ)
    folder = config.data_dir / "huggingface"
    snapshots = Snapshots(python, folder, config.hf_token, settings.timeout)
    return TransformersEngine(settings, python, snapshots)


def _lacking(request: Chat | Completion, snapshot: Snapshot) -> str:
    """What is asked for and this model has not; without a word, its server would pass over it."""
    parts = _parts(request)
    if any(isinstance(part, ImagePart) for part in parts) and not snapshot.sees:
        return "cannot see: it takes no images."
    if any(isinstance(part, AudioPart) for part in parts) and not snapshot.hears:
        return "cannot hear: it takes no audio."
    if isinstance(request, Completion):
        return "cannot fill in before a suffix." if request.suffix else ""
    wants_tools = request.tools and request.tool_choice != "none"
    return "does not support tools." if wants_tools and not snapshot.calls else ""


def _parts(request: Chat | Completion) -> list[Part]:
    if isinstance(request, Completion):
        return list(request.images)
    many = [m.content for m in request.messages if not isinstance(m.content, str)]
    return [part for parts in many for part in parts]
