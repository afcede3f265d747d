"""Anthropic's API: messages, their token count, models."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

import orjson
from aiohttp import web

from _llamagate.call import CALL, Access, Answer, Flow, Handler, Post, Route
from _llamagate.dialects.base import Bounds, json_answer, read_json, read_wishes
from _llamagate.gateway.count import CountTokens
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.models import ListModels
from _llamagate.wires.anthropic import models
from _llamagate.wires.anthropic.errors import render_error
from _llamagate.wires.anthropic.reply import render_reply
from _llamagate.wires.anthropic.request import parse_count, parse_request
from _llamagate.wires.anthropic.stream import PING, MessageStream

VERSION = "anthropic-version"  # a header that every client of this API sends


class Anthropic:
    def __init__(
        self, generate: Generate, count: CountTokens, list_models: ListModels, bounds: Bounds
    ) -> None:
        self._generate = generate
        self._count = count
        self._models = list_models
        self._bounds = bounds

    def routes(self) -> list[Route]:
        user, asking = Access.USER, self._bounds.asking
        return [
            asking("/v1/messages", self.messages),
            asking("/v1/messages/count_tokens", self.count_tokens),
            Route("GET", "/v1/models", self.list_models, user),
            Route("GET", "/v1/models/{model:.+}", self.one_model, user),
        ]

    def beside(self, routes: Sequence[Route]) -> list[Route]:
        """Another API's routes. Where we have the same path, the client's headers decide."""
        own = {(route.method, route.path): route.handler for route in self.routes()}
        errors_for = (VERSION, render_error)
        return [
            replace(route, handler=_by_client(own[key], route.handler), errors_for=errors_for)
            if key in own
            else route
            for route in routes
            for key in [(route.method, route.path)]
        ]

    async def messages(self, post: Post) -> Answer | Flow:
        asked = parse_request(read_json(post))
        call = read_wishes(post, asked.person)
        followed = self._count.follow(asked.chat, call)
        if asked.chat.stream:
            events = self._generate([asked.chat], call)
            model = asked.chat.model or call.model
            renderer = MessageStream(
                model, prompt_tokens=followed.estimate, show_thinking=asked.show_thinking
            )
            return self._bounds.events(events, renderer, PING, over=followed.learn)
        (reply,) = await self._generate.whole([asked.chat], call)
        followed.learn()
        model = asked.chat.model or call.model
        return Answer(render_reply(model, reply, show_thinking=asked.show_thinking))

    async def count_tokens(self, post: Post) -> Answer:
        tokens = await self._count(parse_count(read_json(post)), post.call)
        estimate = {"x-token-count": "estimate"}  # no engine counts without answering
        return Answer(orjson.dumps({"input_tokens": tokens}), headers=estimate)

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        page = models.parse_page(request.query)
        found = await self._models(request[CALL])
        return json_answer(orjson.dumps(models.render_models(found, page)))

    async def one_model(self, request: web.Request) -> web.StreamResponse:
        asked = unquote(request.match_info["model"])
        model = await self._models.one(asked, request[CALL])
        return json_answer(orjson.dumps(models.render_model(model)))


def _by_client(ours: Handler, others: Handler) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await (ours if VERSION in request.headers else others)(request)

    return handler
