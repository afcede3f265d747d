"""Ollama as an engine: always its native API, which keeps errors, options and context lengths."""

from collections.abc import AsyncIterable

from msgspec.structs import replace

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
    Model,
    Resident,
)
from _llamagate.wires.ollama import answers, requests
from _llamagate.wires.ollama.errors import parse_error


class OllamaEngine:
    def __init__(self, settings: EngineSettings, http: Client) -> None:
        self.settings = settings
        self._http = http

    async def generate(self, request: Chat | Completion, call: Call) -> Events:
        if isinstance(request, Chat):
            path, body = "/api/chat", requests.render_chat(request)
            forced = requests.forces_a_call(request)
            parser = answers.AnswerParser(forced=forced, one_call=not request.parallel_tool_calls)
        else:
            path, body = "/api/generate", requests.render_completion(request)
            parser = answers.AnswerParser()
        call.ignored += requests.unused(request)
        try:
            answer = await self._post(path, body, call)
        except EngineRefused as refused:
            answer = await self._unthinking(request, call, refused)
        async with answer:
            while data := await answer.read():
                if events := parser.feed(data):
                    yield events
                if parser.failure:
                    raise parser.failure
            if events := parser.end():
                yield events
            if parser.failure:
                raise parser.failure

    async def embed(self, request: Embed, call: Call) -> Embedded:
        call.ignored += requests.unused(request)
        async with await self._post("/api/embed", requests.render_embed(request), call) as answer:
            return answers.parse_embed(await answer.read_all())

    async def models(self) -> list[Model]:
        body = await self._get("/api/tags")
        return answers.parse_tags(body, self.settings.name)

    async def resident(self) -> list[Resident]:
        return answers.parse_ps(await self._get("/api/ps"))

    async def context_length(self, model: str) -> int:
        body = requests.render_show(model, {})
        answer = await self._http.send(
            "POST", "/api/show", body, timeout=self.settings.probe_timeout
        )
        async with answer:
            if answer.status != 200:
                raise await _refusal(answer)
            return answers.parse_context_length(await answer.read_all())

    async def version(self) -> str:
        return answers.parse_version(await self._get("/api/version"))

    async def show(self, model: str, fields: Fields, call: Call) -> Fields:
        """A model's description. `fields` are what else was asked about it."""
        body = requests.render_show(model, fields)
        async with await self._post("/api/show", body, call) as answer:
            return answers.parse_show(await answer.read_all())

    async def relay(
        self,
        method: str,
        path: str,
        call: Call,
        body: bytes | AsyncIterable[bytes] = b"",
        content_type: str = "application/json",
    ) -> Answer:
        """Pass on what has no neutral form; the answer is as the engine gave it."""
        headers = {**call_headers(call), "Content-Type": content_type}
        return await self._http.send(method, path, body, headers)

    def activity(self) -> list[str]:
        return []

    async def close(self) -> None:
        await self._http.close()

    async def _unthinking(
        self, request: Chat | Completion, call: Call, refused: EngineRefused
    ) -> Answer:
        """Clients of Anthropic's API turn thinking on for whichever model. One that cannot think
        answers without, as it does at Ollama's own door for them."""
        if isinstance(request, Completion) or not requests.thinks_in_vain(request, refused):
            raise refused
        call.ignored += ("thinking",)
        unthinking = replace(request, think=None)
        return await self._post("/api/chat", requests.render_chat(unthinking), call)

    async def _post(self, path: str, body: bytes, call: Call) -> Answer:
        answer = await self._http.send("POST", path, body, call_headers(call))
        if answer.status != 200:
            async with answer:
                raise await _refusal(answer)
        return answer

    async def _get(self, path: str) -> bytes:
        answer = await self._http.send("GET", path, timeout=self.settings.probe_timeout)
        async with answer:
            if answer.status != 200:
                raise await _refusal(answer)
            return await answer.read_all()


async def _refusal(answer: Answer) -> EngineError:
    body = await answer.read_all(limit=1024 * 1024)
    return parse_error(answer.status, body, answer.header("retry-after"))
