"""Where surfaces stand: each under its own prefix, all of them at the root, one on a port.

At the gateway's root the first in the table has a path that several know. A prefix and a port are
roots too, of one surface. Which surfaces there are is `surfaces`'.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from aiohttp import web

from _llamagate.call import Access, Mounted, RenderError, Route, Routes
from _llamagate.config import RateLimit
from _llamagate.dialects.base import invite
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
class Served:
    """A route where it stands, the surface it belongs to, and the one whose limit counts there."""

    prefix: str
    surface: Surface
    route: Route
    limited_as: str = ""

    @property
    def path(self) -> str:
        return self.prefix + self.route.path

    @property
    def label(self) -> str:
        """The path for people and metrics: without the patterns of its variables."""
        return re.sub(r":[^}]+}", "}", self.path)

    @property
    def shown(self) -> str:
        return f"{self.route.method} {self.label}"


Discover: TypeAlias = Callable[[Sequence[Listed], Sequence[str]], Sequence[Route]]


@dataclass(frozen=True, slots=True)
class Surfaces:
    """`own` stands at every root, whatever a surface has there; `admin` not under prefixes; what
    `discover` makes of a root gives way to a surface, but at the gateway's."""

    table: tuple[Surface, ...]
    own: tuple[Route, ...]
    admin: tuple[Route, ...]
    discover: Discover
    generate_style: str
    generate_style_set: bool

    def named(self, name: str) -> Surface:
        return next(surface for surface in self.table if surface.name == name)

    def mount(self, app: web.Application, routes: Routes, only: Surface | None = None) -> None:
        """All surfaces into an application, or one of them as the root of its own port."""
        taken: set[tuple[str, str]] = set()
        served = self._root_of(only, "", self.own + self.admin) if only else self._all()
        for one in served:
            route, path = one.route, one.path
            if (route.method, path) in taken:
                continue
            taken.add((route.method, path))
            mounted = Mounted(
                label=one.label,
                access=route.access,
                render_error=route.render_error or one.surface.render_error,
                surface=one.limited_as,
                counted=route.counted,
                errors_for=route.errors_for,
            )
            add = partial(app.router.add_route, expect_handler=None if route.raw else invite)
            routes.add(add(route.method, path, route.handler), mounted)
            if route.ask:
                routes.asked[path] = mounted, route.ask
            if route.method == "GET" and route.access is Access.PUBLIC:
                routes.add(add("HEAD", path, route.handler), mounted)

    def _all(self) -> Iterator[Served]:
        first, shared = self.table[0], list(self._shared())
        listed = [_listed(surface, surface.prefix) for surface in self.table]
        discovery = self.discover(listed, [one.shown for one in shared])
        for route in (*self.own, *self.admin, *discovery):
            yield Served("", first, route)
        for surface in self.table:
            yield from self._root_of(surface, surface.prefix, self.own)
        yield from shared

    def _root_of(self, surface: Surface, prefix: str, own: tuple[Route, ...]) -> Iterator[Served]:
        """One surface as if there were no other."""
        listed = _listed(surface, prefix)
        for route in own:
            yield Served(prefix, surface, route)
        for route in surface.everything:
            yield Served(prefix, surface, route, surface.name)
        for route in self.discover([listed], listed.endpoints):
            yield Served(prefix, surface, route)

    def _shared(self) -> Iterator[Served]:
        """Where all of them stand: in order of the table, but for whose /generate was chosen."""
        for surface in self.table:
            for route in surface.routes:
                if route.path != "/generate":
                    yield Served("", surface, route)
                elif surface.name == self.generate_style:
                    limited_as = surface.name if self.generate_style_set else ""
                    yield Served("", surface, route, limited_as)


def _listed(surface: Surface, prefix: str) -> Listed:
    return Listed(
        surface.name,
        surface.about,
        prefix + surface.version,
        tuple(Served(prefix, surface, route).shown for route in surface.everything),
    )


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
