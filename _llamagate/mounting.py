"""Where surfaces stand: each under its own prefix, all of them at the root, one on a port.

At the root the first in the table has a path that several know; on a port of its own a surface is
the root. Which surfaces there are is `surfaces`'.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiohttp import web

from _llamagate.call import Access, Mounted, RenderError, Route, Routes
from _llamagate.config import RateLimit
from _llamagate.dialects.discovery import Listed


@dataclass(frozen=True, slots=True)
class Surface:
    name: str
    about: str
    routes: tuple[Route, ...]
    render_error: RenderError
    limit: RateLimit | None = None  # what its document promises while the operator sets none
    version: str = ""  # what a client's base URL ends with, beside the prefix
    elsewhere: tuple[Route, ...] = ()  # routes under its prefix and on its port, not at the root

    @property
    def prefix(self) -> str:
        return f"/{self.name}"

    @property
    def everything(self) -> tuple[Route, ...]:
        return self.routes + self.elsewhere


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Routes of our own stand at every root: health and metrics before a surface's, discovery
    before all of them at the gateway's root, and after those of a surface on its own port."""

    table: tuple[Surface, ...]
    own: tuple[Route, ...]
    discovery: tuple[Route, ...]
    generate_style: str
    generate_style_set: bool

    def listed(self) -> list[Listed]:
        return [
            Listed(
                surface.name,
                surface.about,
                surface.prefix + surface.version,
                tuple(_shown(surface, route) for route in surface.everything),
            )
            for surface in self.table
        ]

    def named(self, name: str) -> Surface:
        return next(surface for surface in self.table if surface.name == name)

    def mount(self, app: web.Application, routes: Routes, only: Surface | None = None) -> None:
        """All surfaces into an application, or one of them as the root of its own port."""
        taken: set[tuple[str, str]] = set()
        for prefix, surface, route, limited_as in self._places(only):
            path = prefix + route.path
            if (route.method, path) in taken:
                continue
            taken.add((route.method, path))
            mounted = Mounted(
                label=path,
                access=route.access,
                render_error=surface.render_error,
                surface=limited_as,
                counted=route.counted,
                any_type=route.any_type,
                raw=route.raw,
            )
            routes.add(app.router.add_route(route.method, path, route.handler), mounted)
            if route.method == "GET" and route.access is Access.PUBLIC:
                routes.add(app.router.add_route("HEAD", path, route.handler), mounted)

    def _places(self, only: Surface | None) -> Iterator[tuple[str, Surface, Route, str]]:
        """Prefix, surface, route, and the surface whose limit counts there."""
        first = only or self.table[0]
        yield from (("", first, route, "") for route in self.own)
        if only:
            yield from (("", only, route, only.name) for route in only.everything)
        yield from (("", first, route, "") for route in self.discovery)
        if only:
            return
        for surface in self.table:
            for route in surface.everything:
                yield surface.prefix, surface, route, surface.name
        for surface in self._at_root():
            for route in surface.routes:
                own_limit = route.path == "/generate" and self.generate_style_set
                yield "", surface, route, surface.name if own_limit else ""

    def _at_root(self) -> Sequence[Surface]:
        """In order of the table, but for whose /generate the operator chose."""
        chosen = [surface for surface in self.table if surface.name == self.generate_style]
        generate = [
            Surface(
                surface.name,
                surface.about,
                tuple(route for route in surface.routes if route.path == "/generate"),
                surface.render_error,
            )
            for surface in chosen
        ]
        return [*generate, *self.table]


class UnknownPath:
    """The error shape of a path that leads nowhere: that of the surface it seems meant for."""

    def __init__(self, surfaces: Surfaces, only: Surface | None) -> None:
        self._found = {
            surface.prefix: Mounted("unknown", Access.PUBLIC, surface.render_error, surface.name)
            for surface in surfaces.table
        }
        self._root = self._found[(only or surfaces.table[0]).prefix]
        self._only = only

    def __call__(self, path: str) -> Mounted:
        if self._only:
            return self._root
        for start, surface in (("/v1/messages", "/anthropic"), ("/api/", "/ollama")):
            if path.startswith(start) and surface in self._found:
                return self._found[surface]
        first = "/" + path.split("/", 2)[1] if path.startswith("/") else ""
        return self._found.get(first, self._root)


def _shown(surface: Surface, route: Route) -> str:
    """A route for people: without the patterns of its variables."""
    return f"{route.method} {surface.prefix}{re.sub(r':[^}]+}', '}', route.path)}"
