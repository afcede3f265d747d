"""OpenAI's API: chat completions, completions, embeddings, models."""

from urllib.parse import unquote

import orjson
from aiohttp import web

from _llamagate.call import CALL, Access, Answer, Flow, Post, Route
from _llamagate.dialects.base import Bounds, json_answer, read_json, read_wishes
from _llamagate.exchange import Completion
from _llamagate.gateway.embed import EmbedTexts
from _llamagate.gateway.generate import Generate, copies
from _llamagate.gateway.models import ListModels
from _llamagate.wires.openai import chat, chat_answers, completions, embeddings, models


class OpenAI:
    def __init__(
        self, generate: Generate, embed: EmbedTexts, list_models: ListModels, bounds: Bounds
    ) -> None:
        self._generate = generate
        self._embed = embed
        self._models = list_models
        self._bounds = bounds

    def routes(self) -> list[Route]:
        user, asking = Access.USER, self._bounds.asking
        return [
            asking("/v1/chat/completions", self.chat_completions),
            asking("/v1/completions", self.text_completions),
            asking("/v1/embeddings", self.embeddings),
            Route("GET", "/v1/models", self.list_models, user),
            Route("GET", "/v1/models/{model:.+}", self.one_model, user),
        ]

    async def chat_completions(self, post: Post, *, lines: bool = False) -> Answer | Flow:
        """`lines`: a stream as lines of JSON instead of server-sent events."""
        asked = chat.parse_chat(read_json(post))
        call = read_wishes(post, asked.person)
        choices = copies(asked.chat, asked.n)
        if asked.chat.stream:
            events = self._generate(choices, call)
            renderer = chat_answers.ChatStream(
                asked.chat.model or call.model,
                include_usage=asked.include_usage,
                legacy=asked.legacy,
                lines=lines,
            )
            flow = self._bounds.lines if lines else self._bounds.events
            return flow(events, renderer)
        replies = await self._generate.whole(choices, call)
        model = asked.chat.model or call.model
        return Answer(chat_answers.render_reply(model, replies, legacy=asked.legacy))

    async def text_completions(self, post: Post) -> Answer | Flow:
        asked = completions.parse_completions(read_json(post))
        call = read_wishes(post, asked.person)
        wanted: list[Completion] = []
        for completion in asked.completions:
            wanted += copies(completion, asked.copies)
        if asked.stream:
            events = self._generate(wanted, call)
            renderer = completions.CompletionStream(asked, call.model)
            return self._bounds.events(events, renderer)
        replies = await self._generate.whole(wanted, call)
        return Answer(completions.render_completions(asked, replies, call.model))

    async def embeddings(self, post: Post) -> Answer:
        asked = embeddings.parse_embeddings(read_json(post))
        call = read_wishes(post, asked.person)
        embedded = await self._embed(asked.embed, call)
        return Answer(embeddings.render_embeddings(asked, embedded, call.model))

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        return json_answer(models.render_models(await self._models(request[CALL])))

    async def one_model(self, request: web.Request) -> web.StreamResponse:
        asked = unquote(request.match_info["model"])
        model = await self._models.one(asked, request[CALL])
        return json_answer(orjson.dumps(models.render_model(model, asked)))
