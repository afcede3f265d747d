"""OpenAI's Responses API: create, read again, delete, and count."""

from collections.abc import Callable
from functools import partial

import orjson
from aiohttp import web

from _llamagate.call import CALL, Access, Answer, Flow, Post, Route
from _llamagate.conversations import Conversations
from _llamagate.dialects.base import Bounds, json_answer, read_json, read_wishes
from _llamagate.errors import GatewayError, InvalidRequest, NoSuchThing
from _llamagate.exchange import Call, Event, Fields
from _llamagate.gateway.count import CountTokens
from _llamagate.gateway.generate import Generate
from _llamagate.wires.responses.listing import parse_page, render_deleted, render_items
from _llamagate.wires.responses.reply import render_response
from _llamagate.wires.responses.request import AskedResponse, parse_request
from _llamagate.wires.responses.stream import ResponseStream


class Responses:
    def __init__(
        self, generate: Generate, count: CountTokens, kept: Conversations, bounds: Bounds
    ) -> None:
        self._generate = generate
        self._count = count
        self._kept = kept
        self._bounds = bounds

    def routes(self) -> list[Route]:
        user, asking = Access.USER, self._bounds.asking
        return [
            asking("/v1/responses", self.create),
            asking("/v1/responses/input_tokens", self.input_tokens),
            Route("GET", "/v1/responses/{id}", self.retrieve, user),
            Route("DELETE", "/v1/responses/{id}", self.delete, user),
            Route("GET", "/v1/responses/{id}/input_items", self.input_items, user),
            Route("POST", "/v1/responses/{id}/cancel", self.cancel, user),
        ]

    async def create(self, post: Post) -> Answer | Flow:
        asked = self._asked(post)
        call = read_wishes(post, asked.person)
        followed = self._count.follow(asked.chat, call)
        if asked.chat.stream:
            events = self._generate([asked.chat], call)
            model = asked.chat.model or call.model
            renderer = _Keeping(ResponseStream(model, asked), partial(self._keep, asked, call))
            return self._bounds.events(events, renderer, over=followed.learn)
        (reply,) = await self._generate.whole([asked.chat], call)
        followed.learn()
        response = render_response(asked.chat.model or call.model, asked, reply)
        self._keep(asked, call, response)
        return Answer(orjson.dumps(response))

    async def input_tokens(self, post: Post) -> Answer:
        tokens = await self._count(self._asked(post).chat, post.call)
        found = {"object": "response.input_tokens", "input_tokens": tokens}
        return Answer(orjson.dumps(found), headers={"x-token-count": "estimate"})

    async def retrieve(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("stream") == "true":
            raise InvalidRequest("Responses are kept whole, not as streams.", param="stream")
        id = request.match_info["id"]
        found = self._kept.response(request[CALL].caller.account, id)
        if found is None:
            raise _gone(id)
        return json_answer(orjson.dumps(found))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        id = request.match_info["id"]
        if not self._kept.delete(request[CALL].caller.account, id):
            raise _gone(id)
        return json_answer(orjson.dumps(render_deleted(id)))

    async def input_items(self, request: web.Request) -> web.StreamResponse:
        page = parse_page(request.query)
        id = request.match_info["id"]
        found = self._kept.input(request[CALL].caller.account, id)
        if found is None:
            raise _gone(id)
        return json_answer(orjson.dumps(render_items(found, page)))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        raise InvalidRequest(
            "Only responses in the background can be cancelled, and there are none here: "
            "close the connection of a request to end it.",
            param="id",
        )

    def _asked(self, post: Post) -> AskedResponse:
        return parse_request(read_json(post), self._kept.of(post.call.caller.account))

    def _keep(self, asked: AskedResponse, call: Call, response: Fields) -> None:
        if asked.store and not call.no_store:
            self._kept.keep(call.caller.account, response, asked.items)


class _Keeping:
    """A stream whose response is kept before its last event goes out, because the client's next
    request may refer to it at once."""

    def __init__(self, stream: ResponseStream, keep: Callable[[Fields], None]) -> None:
        self._stream = stream
        self._keep = keep

    def feed(self, events: list[Event]) -> bytes:
        data = self._stream.feed(events)
        if self._stream.response:
            self._keep(self._stream.response)
        return data

    def end(self) -> bytes:
        return self._stream.end()

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        return self._stream.fail(error, request_id)


def _gone(id: str) -> NoSuchThing:
    return NoSuchThing(
        f"There is no response {id!r} here: it was never stored, or it was deleted, or not kept "
        "for so long."
    )
