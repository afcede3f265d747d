"""AI Gateway's surface: Ollama's generating and listing, by shorter paths and by Ollama's own."""

from aiohttp import web

from _llamagate.call import Access, Route
from _llamagate.dialects.ollama import Ollama
from _llamagate.wires.aigateway import ChatLines


class AIGateway:
    def __init__(self, ollama: Ollama) -> None:
        self._ollama = ollama

    def routes(self) -> list[Route]:
        """What is its own at every root."""
        return self._at("")

    def twins(self) -> list[Route]:
        """The same under /api/, as they are under its own prefix and on its own port."""
        return self._at("/api")

    def _at(self, start: str) -> list[Route]:
        user = Access.USER
        return [
            Route("POST", f"{start}/generate", self._ollama.complete, user),
            Route("POST", f"{start}/chat", self.chat, user),
            Route("POST", f"{start}/embed", self._ollama.embed, user),
            Route("GET", f"{start}/tags", self._ollama.tags, user),
        ]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        return await self._ollama.chat(request, form=ChatLines)
