"""Ollama's own API, for clients that take the gateway for an Ollama: generating and listing.

Any Content-Type is taken, as Ollama takes it, and streaming is what a client gets that does not
say otherwise. What changes an engine's models stands in `ollama_admin`.
"""

import orjson
from aiohttp import web

from _llamagate.call import CALL, Access, Answer, Flow, Post, Route
from _llamagate.dialects.base import Bounds, json_answer, read_wishes
from _llamagate.exchange import Chat, Completion
from _llamagate.gateway.embed import EmbedTexts
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.models import ListModels
from _llamagate.gateway.show import ShowModel
from _llamagate.gateway.version import EngineVersion
from _llamagate.wires.body import parse_object
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
        user, public, asking = Access.USER, Access.PUBLIC, self._bounds.asking
        return [
            Route("GET", "/", self.root, public),
            Route("GET", "/api/version", self.version, public),
            Route("GET", "/api/status", self.status, public),
            asking("/api/chat", self.chat),
            asking("/api/generate", self.complete),
            asking("/api/embed", self.embed),
            asking("/api/embeddings", self.embeddings),
            asking("/api/show", self.show),
            Route("GET", "/api/tags", self.tags, user),
            Route("HEAD", "/api/tags", self.tags, user),
            Route("GET", "/api/ps", self.ps, user),
        ]

    async def root(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="Ollama is running")

    async def version(self, request: web.Request) -> web.StreamResponse:
        return json_answer(orjson.dumps({"version": await self._version()}))

    async def status(self, request: web.Request) -> web.StreamResponse:
        return json_answer(orjson.dumps(client_models.cloud_switch(self._generate.names.cloud)))

    async def chat(
        self, post: Post, *, form: type[client_answers.Lines] = client_answers.ChatLines
    ) -> Answer | Flow:
        asked = client.parse_chat(parse_object(post.body))
        return await self._answer(post, asked, form)

    async def complete(self, post: Post) -> Answer | Flow:
        asked = client.parse_generate(parse_object(post.body))
        return await self._answer(post, asked, client_answers.GenerateLines)

    async def embed(self, post: Post) -> Answer:
        asked = client.parse_embed(parse_object(post.body))
        call = read_wishes(post)
        embedded = await self._embed(asked, call)
        return Answer(client_answers.render_embed(asked.model or call.model, embedded, call))

    async def embeddings(self, post: Post) -> Answer:
        asked = client.parse_embeddings(parse_object(post.body))
        embedded = await self._embed(asked, read_wishes(post))
        return Answer(client_answers.render_embedding(asked, embedded))

    async def tags(self, request: web.Request) -> web.StreamResponse:
        call = request[CALL]
        models = await self._models(call)
        return json_answer(client_models.render_tags(models, everything=call.caller.admin))

    async def ps(self, request: web.Request) -> web.StreamResponse:
        call = request[CALL]
        residents = await self._models.resident(call)
        return json_answer(client_models.render_ps(residents, everything=call.caller.admin))

    async def show(self, post: Post) -> Answer:
        asked = client.parse_show(parse_object(post.body))
        return Answer(orjson.dumps(await self._show(*asked, post.call)))

    async def _answer(
        self, post: Post, asked: Chat | Completion, form: type[client_answers.Lines]
    ) -> Answer | Flow:
        call = read_wishes(post)
        if asked.stream:
            events = self._generate([asked], call)
            return self._bounds.lines(events, form(asked.model or call.model, call))
        (reply,) = await self._generate.whole([asked], call)
        return Answer(form(asked.model or call.model, call).reply(reply))
