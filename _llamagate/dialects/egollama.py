"""EgoLlama's surface: text generated at once, models loaded and unloaded, numbers of the machine.

Its chats are OpenAI's, but for one thing: its document shows one client that reads a stream as
lines of JSON, and another that needs server-sent events. The first sends its key as `X-API-Key`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

import orjson
from aiohttp import web
from msgspec.structs import replace

from _llamagate.call import CALL, Access, Answer, Flow, Post, Route
from _llamagate.config import RateLimit
from _llamagate.dialects.base import Bounds, json_answer, read_json, read_wishes
from _llamagate.dialects.openai import OpenAI
from _llamagate.engines.pool import Pool
from _llamagate.exchange import Caller, Chat
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.load import LoadModels
from _llamagate.gateway.models import ListModels
from _llamagate.host import Host
from _llamagate.metrics import Metrics
from _llamagate.wires import egollama as wire
from _llamagate.wires.body import parse_object

LIMIT = RateLimit(rate=100 / 3600, capacity=100)  # its document: 100 requests an hour
_ENGINES = {"ollama": "Ollama", "openai": "OpenAI", "transformers": "Transformers"}


class EgoLlama:
    def __init__(
        self,
        generate: Generate,
        list_models: ListModels,
        load: LoadModels,
        openai: OpenAI,
        bounds: Bounds,
        *,
        pool: Pool,
        host: Host,
        metrics: Metrics,
        max_tokens: int,
        temperature: float,
    ) -> None:
        self._generate = generate
        self._models = list_models
        self._load = load
        self._openai = openai
        self._bounds = bounds
        self._pool = pool
        self._host = host
        self._metrics = metrics
        self._max_tokens = max_tokens
        self._temperature = temperature

    def routes(self) -> list[Route]:
        """What is its own at every root."""
        user, asking = Access.USER, self._bounds.asking
        return [
            asking("/generate", self.generate),
            asking("/models/load", self.load),
            asking("/models/unload", self.unload),
            Route("GET", "/api/models", self.list_models, user),
            Route("GET", "/api/performance/stats", self.stats, user),
        ]

    def chat_routes(self) -> list[Route]:
        """OpenAI's, as they are under its own prefix and on its own port."""
        own = [self._bounds.asking("/v1/chat/completions", self.chat_completions)]
        taken = {route.path for route in own}
        return own + [route for route in self._openai.routes() if route.path not in taken]

    async def generate(self, post: Post) -> Answer:
        asked = wire.parse_generate(read_json(post))
        call = read_wishes(post, asked.person)
        chat = self._filled(asked.chat, call.caller)
        (reply,) = await self._generate.whole([chat], call)
        call.ignored += asked.ignored
        kind = self._pool.kind(call.engine)
        return Answer(
            wire.render_generated(
                reply,
                model=asked.chat.model or call.model,
                engine=_ENGINES.get(kind, call.engine),
                seconds=call.engine_seconds,
            )
        )

    def _filled(self, chat: Chat, caller: Caller) -> Chat:
        """The defaults of its model come first, then those of this surface."""
        chat = self._generate.with_defaults(chat, caller)
        return replace(
            chat,
            max_tokens=self._max_tokens if chat.max_tokens is None else chat.max_tokens,
            temperature=self._temperature if chat.temperature is None else chat.temperature,
        )

    async def chat_completions(self, post: Post) -> Answer | Flow:
        return await self._openai.chat_completions(post, lines=_reads_lines(post.headers))

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        call = request[CALL]
        models = await self._models(call)
        contexts = [await self._models.context_length(model, call.caller) for model in models]
        return json_answer(wire.render_models(models, contexts))

    async def load(self, post: Post) -> Answer:
        asked, call = wire.parse_load(read_json(post)), post.call
        resident = await self._load.load(asked.name, asked.bits, call)
        call.ignored += asked.ignored
        return Answer(wire.render_loaded(asked.name, resident))

    async def unload(self, post: Post) -> Answer:
        asked = wire.parse_unload(parse_object(post.body) if post.body.strip() else {})
        call = post.call
        name = await self._load.unload(asked.name, call)
        call.ignored += asked.ignored
        return Answer(wire.render_unloaded(name or asked.name, freed=bool(name)))

    async def stats(self, request: web.Request) -> web.StreamResponse:
        await self._pool.refresh()
        load = await self._host.load()
        totals = self._metrics.totals()
        body = {
            "timestamp": datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds"),
            "cpu_usage": load.cpu,
            "memory_usage": load.memory,
            "gpu_usage": load.gpu,
            "active_models": len(self._pool.residents()),
            "total_requests": totals.requests,
            "average_response_time": round(totals.mean_seconds, 3),
            "error_rate": round(totals.error_rate, 4),
        }
        return json_answer(orjson.dumps(body))


def _reads_lines(headers: Mapping[str, str]) -> bool:
    """Which of the two clients in the document sends these?"""
    if "text/event-stream" in headers.get("Accept", "").lower():
        return False
    other_key = headers.get("api-key") or headers.get("Authorization")
    return bool(headers.get("X-API-Key")) or not other_key
