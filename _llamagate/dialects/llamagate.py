"""What the gateway says of itself: whether it is well, and what it has counted."""

from collections.abc import Callable

import orjson
from aiohttp import web

from _llamagate.call import Access, Route
from _llamagate.dialects.base import json_answer
from _llamagate.engines.pool import Pool
from _llamagate.errors import Unavailable
from _llamagate.host import Host
from _llamagate.metrics import CONTENT_TYPE, Metrics


class LlamaGate:
    def __init__(
        self,
        pool: Pool,
        metrics: Metrics,
        host: Host,
        draining: Callable[[], bool],
        metrics_access: str,
    ) -> None:
        self._pool = pool
        self._host = host
        self._metrics = metrics
        self._draining = draining
        self._metrics_access = metrics_access

    def routes(self) -> list[Route]:
        public = Access.PUBLIC
        found = [
            Route("GET", "/health", self.health, public),
            Route("GET", "/health/live", self.live, public),
            Route("GET", "/health/ready", self.ready, public),
        ]
        if self._metrics_access != "off":
            access = public if self._metrics_access == "public" else Access.ADMIN
            found.append(Route("GET", "/metrics", self.metrics, access, counted=False))
        return found

    async def health(self, request: web.Request) -> web.StreamResponse:
        """Healthy means that any engine answers."""
        healthy = await self._pool.answers()
        body: dict[str, object] = {"status": "healthy" if healthy else "unhealthy"}
        if healthy:
            body["ollama"] = "connected"
        else:
            body["error"] = "Ollama unreachable"
        body["ollama_host"] = self._pool.first_url
        body |= self._numbers()
        answer = json_answer(orjson.dumps(body), 200 if healthy else 503)
        if not healthy:
            answer.headers["Retry-After"] = "5"
        return answer

    def _numbers(self) -> dict[str, object]:
        """What EgoLlama's document adds."""
        resident = [one for _, one in self._pool.residents()]
        totals = self._metrics.totals()
        return {
            "model_loaded": bool(resident),
            "gpu_available": self._host.has_gpu or any(one.size_vram for one in resident),
            "quantization": (resident[0].quantization if resident else "") or "None",
            "total_inferences": self._metrics.generations,
            "average_tokens_per_second": round(totals.tokens_per_second, 2),
        }

    async def live(self, request: web.Request) -> web.StreamResponse:
        return json_answer(b'{"status":"alive"}')

    async def ready(self, request: web.Request) -> web.StreamResponse:
        if self._draining():
            raise Unavailable("The gateway is stopping.", retry_after=5)
        if not await self._pool.answers():
            raise Unavailable("No engine answers.", retry_after=5)
        if self._pool.all_draining:
            raise Unavailable("Every engine that answers is drained.", retry_after=5)
        return json_answer(b'{"status":"ready"}')

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})
