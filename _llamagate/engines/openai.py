"""Any engine that speaks OpenAI's wire: vLLM, llama-server, LM Studio, SGLang, a hosted service,
another LlamaGate."""

import asyncio
import contextlib
from urllib.parse import urlsplit

import orjson

from _llamagate.config import EngineSettings
from _llamagate.engines.base import call_headers
from _llamagate.engines.http import Answer, Client
from _llamagate.errors import EngineError, EngineRefused
from _llamagate.exchange import (
    Call,
    Chat,
    Completion,
    Embed,
    Embedded,
    Events,
    Fields,
    Finish,
    Model,
    Resident,
)
from _llamagate.wires.openai import engine as wire
from _llamagate.wires.openai.engine_answers import AnswerParser
from _llamagate.wires.openai.engine_errors import parse_error
from _llamagate.wires.openai.engine_lists import parse_embed, parse_models

_OFFICIAL = ("openai.com", "openai.azure.com")
_NO_LIST = (404, 405, 500, 501)  # `transformers serve` says 500 where it has no hub cache
_FAREWELL = 1.0  # seconds for the end of a body whose last event is here


class OpenAIEngine:
    def __init__(self, settings: EngineSettings, http: Client) -> None:
        self.settings = settings
        self._http = http
        self._root = settings.api
        self._official = (urlsplit(settings.url).hostname or "").endswith(_OFFICIAL)

    async def generate(self, request: Chat | Completion, call: Call) -> Events:
        if not (request.messages if isinstance(request, Chat) else request.prompt):
            yield [_loaded(request)]
            return
        call.ignored += wire.unsent(request, official=self._official)
        if isinstance(request, Completion) and (chat := wire.as_chat(request)):
            request = chat
        if isinstance(request, Chat):
            path, body = "/chat/completions", wire.render_chat(request, official=self._official)
            parser = AnswerParser(one_call=not request.parallel_tool_calls)
        else:
            path, body = "/completions", wire.render_completion(request)
            parser = AnswerParser()
        async with await self._post(path, body, call) as answer:
            while not parser.done and (data := await answer.read()):
                if events := parser.feed(data):
                    yield events
                if parser.failure:
                    raise parser.failure
            if parser.done:
                await _rest(answer)
            elif events := parser.end():
                yield events
            if parser.failure:
                raise parser.failure

    async def embed(self, request: Embed, call: Call) -> Embedded:
        if not request.inputs:
            return Embedded([])
        call.ignored += wire.unsent(request)
        async with await self._post("/embeddings", wire.render_embed(request), call) as answer:
            return parse_embed(await answer.read_all())

    async def models(self) -> list[Model]:
        path = f"{self._root}/models"
        async with await self._http.send(
            "GET", path, timeout=self.settings.probe_timeout
        ) as answer:
            if answer.status == 200:
                return parse_models(await answer.read_all(), self.settings.name)
            if answer.status in _NO_LIST and self.settings.models:
                return []
            raise await self._refusal(answer)

    async def resident(self) -> list[Resident]:
        return []

    async def context_length(self, model: str) -> int:
        return next((one.context_length for one in await self.models() if one.name == model), 0)

    def activity(self) -> list[str]:
        return []

    async def close(self) -> None:
        await self._http.close()

    async def _post(self, path: str, body: Fields, call: Call) -> Answer:
        answer = await self._http.send(
            "POST", self._root + path, orjson.dumps(body), call_headers(call)
        )
        if answer.status != 200:
            async with answer:
                raise await self._refusal(answer)
        return answer

    async def _refusal(self, answer: Answer) -> EngineError:
        """Some servers repeat the key that they refuse, and clients are told what they say."""
        body = await answer.read_all(limit=1024 * 1024)
        if key := self.settings.key:
            body = body.replace(key.encode(), b"***")
        return parse_error(answer.status, body, answer.header("retry-after"))


async def _rest(answer: Answer) -> None:
    """A body that was read to its end leaves a connection that can be used again."""
    with contextlib.suppress(TimeoutError, EngineError):
        async with asyncio.timeout(_FAREWELL):
            while await answer.read():
                pass


def _loaded(request: Chat | Completion) -> Finish:
    """An empty prompt loads a model, with keep_alive 0 it unloads it, at Ollama; here a server
    keeps the models it was started with."""
    if request.keep_alive == 0:
        raise EngineRefused(
            f"The engine of {request.model} keeps its models itself: none can be unloaded."
        )
    return Finish("load")
