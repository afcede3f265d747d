"""Ollama's own API, for clients that take the gateway for an Ollama: generating and listing.

Any Content-Type is taken, as Ollama takes it, and streaming is what a client gets that does not
say otherwise. What changes an engine's models stands in `ollama_admin`.
"""

import orjson
from aiohttp import web

from _llamagate.call import CALL, Access, Route
from _llamagate.dialects.base import Bounds, json_answer, read_json, read_wishes, send_lines
from _llamagate.exchange import Chat, Completion, collect
from _llamagate.gateway.embed import EmbedTexts
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.models import ListModels
from _llamagate.gateway.show import ShowModel
from _llamagate.gateway.version import EngineVersion
from _llamagate.wires.ollama import client, client_answers, client_models


class Ollama:
    def __init__(
        self,
        generate: Generate,
        embed: EmbedTexts,
        list_models: ListModels,
        show: ShowModel,
        version: EngineVersion,
        bounds: Bounds,
    ) -> None:
        self._generate = generate
        self._embed = embed
        self._models = list_models
        self._show = show
        self._version = version
        self._bounds = bounds

    def routes(self) -> list[Route]:
        user, public = Access.USER, Access.PUBLIC
        return [
            Route("GET", "/", self.root, public),
            Route("GET", "/api/version", self.version, public),
            Route("GET", "/api/status", self.status, public),
            Route("POST", "/api/chat", self.chat, user),
            Route("POST", "/api/generate", self.complete, user),
            Route("POST", "/api/embed", self.embed, user),
            Route("POST", "/api/embeddings", self.embeddings, user),
            Route("GET", "/api/tags", self.tags, user),
            Route("HEAD", "/api/tags", self.tags, user),
            Route("GET", "/api/ps", self.ps, user),
            Route("POST", "/api/show", self.show, user),
        ]

    async def root(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="Ollama is running")

    async def version(self, request: web.Request) -> web.StreamResponse:
        return json_answer(orjson.dumps({"version": await self._version()}))

    async def status(self, request: web.Request) -> web.StreamResponse:
        return json_answer(orjson.dumps(client_models.cloud_switch(self._generate.names.cloud)))

    async def chat(
        self,
        request: web.Request,
        *,
        form: type[client_answers.Lines] = client_answers.ChatLines,
    ) -> web.StreamResponse:
        asked = client.parse_chat(await read_json(request, self._bounds, any_type=True))
        return await self._answer(request, asked, form)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        asked = client.parse_generate(await read_json(request, self._bounds, any_type=True))
        return await self._answer(request, asked, client_answers.GenerateLines)

    async def embed(self, request: web.Request) -> web.StreamResponse:
        asked = client.parse_embed(await read_json(request, self._bounds, any_type=True))
        call = read_wishes(request)
        embedded = await self._embed(asked, call)
        return json_answer(client_answers.render_embed(asked.model or call.model, embedded, call))

    async def embeddings(self, request: web.Request) -> web.StreamResponse:
        asked = client.parse_embeddings(await read_json(request, self._bounds, any_type=True))
        embedded = await self._embed(asked, read_wishes(request))
        return json_answer(client_answers.render_embedding(asked, embedded))

    async def tags(self, request: web.Request) -> web.StreamResponse:
        call = request[CALL]
        models = await self._models(call)
        return json_answer(client_models.render_tags(models, everything=call.caller.admin))

    async def ps(self, request: web.Request) -> web.StreamResponse:
        call = request[CALL]
        residents = await self._models.resident(call)
        return json_answer(client_models.render_ps(residents, everything=call.caller.admin))

    async def show(self, request: web.Request) -> web.StreamResponse:
        asked = client.parse_show(await read_json(request, self._bounds, any_type=True))
        return json_answer(orjson.dumps(await self._show(*asked, request[CALL])))

    async def _answer(
        self,
        request: web.Request,
        asked: Chat | Completion,
        form: type[client_answers.Lines],
    ) -> web.StreamResponse:
        call = read_wishes(request)
        events = self._generate([asked], call)
        lines = form(asked.model or call.model, call)
        if asked.stream:
            return await send_lines(request, events, lines, self._bounds)
        replies = await collect(events)
        return json_answer(lines.reply(replies[0]))
