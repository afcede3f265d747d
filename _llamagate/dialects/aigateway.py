"""AI Gateway's surface: Ollama's generating and listing, by shorter paths and by Ollama's own."""

from _llamagate.call import Access, Answer, Flow, Post, Route
from _llamagate.dialects.base import Bounds
from _llamagate.dialects.ollama import Ollama
from _llamagate.wires.aigateway import ChatLines


class AIGateway:
    def __init__(self, ollama: Ollama, bounds: Bounds) -> None:
        self._ollama = ollama
        self._bounds = bounds

    def routes(self) -> list[Route]:
        """What is its own at every root."""
        return self._at("")

    def twins(self) -> list[Route]:
        """The same under /api/, as they are under its own prefix and on its own port."""
        return self._at("/api")

    def _at(self, start: str) -> list[Route]:
        asking = self._bounds.asking
        return [
            asking(f"{start}/generate", self._ollama.complete),
            asking(f"{start}/chat", self.chat),
            asking(f"{start}/embed", self._ollama.embed),
            Route("GET", f"{start}/tags", self._ollama.tags, Access.USER),
        ]

    async def chat(self, post: Post) -> Answer | Flow:
        return await self._ollama.chat(post, form=ChatLines)
