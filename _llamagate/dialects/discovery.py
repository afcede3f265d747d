"""What stands at `/` and `/api/status`: a page for a browser, a list for a program."""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import orjson
from aiohttp import web

from _llamagate import __version__
from _llamagate.call import Access, Route
from _llamagate.dialects.base import json_answer
from _llamagate.engines.pool import Pool
from _llamagate.models import Names
from _llamagate.started import client_variables

_STYLE = "body{font:16px/1.5 system-ui;max-width:48rem;margin:3rem auto;padding:0 1rem}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A surface, as a stranger should hear of it."""

    name: str
    about: str
    base_path: str
    endpoints: tuple[str, ...]


class Discovery:
    def __init__(self, pool: Pool, names: Names, listed: Callable[[], Sequence[Listed]]) -> None:
        self._pool = pool
        self._names = names
        self._listed = listed

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self.root, Access.PUBLIC),
            Route("GET", "/api/status", self.status, Access.PUBLIC),
        ]

    async def root(self, request: web.Request) -> web.StreamResponse:
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(body=self._page(request).encode(), headers=PAGE_HEADERS)
        body = {
            "name": "LlamaGate",
            "message": "Ollama is running",  # what Ollama's clients look for here
            "version": __version__,
            "gateways": self._gateways(),
        }
        return json_answer(orjson.dumps(body))

    async def status(self, request: web.Request) -> web.StreamResponse:
        """EgoLlama's list of endpoints and features, and Ollama's switch for its cloud."""
        listed = self._listed()
        body = {
            "status": "operational" if self._pool.healthy else "degraded",
            "version": __version__,
            "endpoints": sorted({path for surface in listed for path in surface.endpoints}),
            "features": [surface.name for surface in listed],
            "cloud": {"disabled": not self._names.cloud, "source": "config"},
        }
        return json_answer(orjson.dumps(body))

    def _gateways(self) -> dict[str, object]:
        status = "active" if self._pool.healthy else "unavailable"
        found: dict[str, object] = {}
        for surface in self._listed():
            entry: dict[str, object] = {
                "base_path": surface.base_path,
                "status": status,
                "features": [surface.about],
                "endpoints": list(surface.endpoints),
            }
            if surface.name == "openai":
                entry["model_mappings"] = {
                    alias: targets[0] for alias, targets in self._names.aliases.items()
                }
            found[surface.name] = entry
        return found

    def _page(self, request: web.Request) -> str:
        url = f"{request.scheme}://{request.headers.get('Host', '')}"
        rows = "".join(
            f"<li><code>{escape(url + surface.base_path)}</code> {escape(surface.about)}</li>"
            for surface in self._listed()
        )
        lines = "\n".join(
            f"export {name}={value}" for name, value in client_variables(url, "YOUR_KEY").items()
        )
        state = "At least one engine answers." if self._pool.healthy else "No engine answers."
        return (
            f"<!doctype html><html lang=en><title>LlamaGate</title><style>{_STYLE}</style>"
            f"<h1>LlamaGate {__version__}</h1><p>{state}</p>"
            f"<h2>Addresses</h2><ul>{rows}</ul>"
            f"<h2>For your programs</h2><pre>{escape(lines)}</pre>"
            "<p>Where no key is asked for, any value does for the keys.</p></html>"
        )
