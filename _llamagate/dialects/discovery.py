"""What stands at `/`, `/docs` and `/api/status`: pages for a browser, lists for a program."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
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
from _llamagate.wires.ollama.client_models import cloud_switch

_STYLE = "body{font:16px/1.5 system-ui;max-width:48rem;margin:3rem auto;padding:0 1rem}"
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_NOT_KEPT = {"Cache-Control": "no-store"}  # it changes with the engines, and with who asks
_PAGE_HEADERS = _NOT_KEPT | {
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
    """Of one root: `listed` are the surfaces to be reached from it, `here` its own paths."""

    def __init__(
        self, pool: Pool, names: Names, listed: Sequence[Listed], here: Sequence[str]
    ) -> None:
        self._pool = pool
        self._names = names
        self._listed = listed
        self._here = sorted(set(here))

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", self.root, Access.PUBLIC),
            Route("GET", "/docs", self.docs, Access.PUBLIC),
            Route("GET", "/api/status", self.status, Access.PUBLIC),
        ]

    async def root(self, request: web.Request) -> web.StreamResponse:
        if "text/html" in request.headers.get("Accept", "").lower():
            return _page(await self._addresses(request))
        body = {
            "name": "LlamaGate",
            "message": "Ollama is running",  # what Ollama's clients look for here
            "version": __version__,
            "gateways": await self._gateways(),
        }
        return _told(body)

    async def docs(self, request: web.Request) -> web.StreamResponse:
        rows = "".join(f"<li><code>{escape(path)}</code></li>" for path in self._here)
        return _page(f"{await self._addresses(request)}<h2>Paths</h2><ul>{rows}</ul>")

    async def status(self, request: web.Request) -> web.StreamResponse:
        """EgoLlama's list of endpoints and features, and Ollama's switch for its cloud."""
        body = {
            "status": "operational" if await self._pool.answers() else "degraded",
            "version": __version__,
            "endpoints": self._here,
            "features": [surface.about for surface in self._listed],
            **cloud_switch(self._names.cloud),
        }
        return _told(body)

    async def _gateways(self) -> dict[str, object]:
        status = "active" if await self._pool.answers() else "unavailable"
        found: dict[str, object] = {}
        for surface in self._listed:
            entry: dict[str, object] = {
                "base_path": surface.base_path or "/",
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

    async def _addresses(self, request: web.Request) -> str:
        url = f"{request.scheme}://{request.headers.get('Host', '')}"
        rows = "".join(
            f"<li><code>{escape(url + surface.base_path)}</code> {escape(surface.about)}</li>"
            for surface in self._listed
        )
        state = (
            "At least one engine answers." if await self._pool.answers() else "No engine answers."
        )
        found = f"<p>{state}</p><h2>Addresses</h2><ul>{rows}</ul>"
        return found if len(self._listed) == 1 else found + _variables(url)


def _variables(url: str) -> str:
    """What other programs need, where everything they ask for stands."""
    lines = "\n".join(
        f"export {name}={value}" for name, value in client_variables(url, "YOUR_KEY").items()
    )
    return (
        f"<h2>For your programs</h2><pre>{escape(lines)}</pre>"
        "<p>Where no key is asked for, any value does for the keys.</p>"
    )


def _page(body: str) -> web.Response:
    page = (
        f"<!doctype html><html lang=en><title>LlamaGate</title><style>{_STYLE}</style>"
        f"<h1>LlamaGate {__version__}</h1>{body}</html>"
    )
    return web.Response(body=page.encode(), headers=_PAGE_HEADERS)


def _told(body: Mapping[str, object]) -> web.Response:
    answer = json_answer(orjson.dumps(body))
    answer.headers.update(_NOT_KEPT)
    return answer
