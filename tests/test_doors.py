"""Who may call what: every route of the application, every method, every kind of caller.

The table is the whole of it. A route that is not in it fails the test, and so does a row without
a route: nobody opens a door in passing.
"""

import re
from dataclasses import dataclass
from itertools import product

import pytest
from aiohttp import web
from yarl import URL

from tests.conftest import Running, StartGateway
from tests.fakes.ollama import FakeOllama

USER, ADMIN = "sk-user-0123456789", "sk-admin-0123456789"
CALLERS = {"": "", "user": USER, "admin": ADMIN}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SURFACES = ("llamagate", "openai", "anthropic", "ollama", "egollama", "aigateway")

REST = "/api/{tail}"  # what has no door of its own there

DOORS = """
public GET,HEAD     /
public GET,HEAD     /docs
public GET,HEAD     /health
public GET,HEAD     /health/live
public GET,HEAD     /health/ready
public GET,HEAD     /metrics
public GET,HEAD     /api/status
public GET,HEAD     /api/version

user   POST         /v1/chat/completions
user   POST         /v1/completions
user   POST         /v1/embeddings
user   GET          /v1/models
user   GET          /v1/models/{model}
user   POST         /v1/responses
user   POST         /v1/responses/input_tokens
user   GET,DELETE   /v1/responses/{id}
user   POST         /v1/responses/{id}/cancel
user   GET          /v1/responses/{id}/input_items
user   POST         /v1/messages
user   POST         /v1/messages/count_tokens

user   POST         /api/chat
user   POST         /api/generate
user   POST         /api/embed
user   POST         /api/embeddings
user   POST         /api/show
user   GET,HEAD     /api/tags
user   GET          /api/ps
admin  POST         /api/pull
admin  POST         /api/push
admin  POST         /api/create
admin  POST         /api/copy
admin  DELETE       /api/delete
admin  HEAD,POST    /api/blobs/{digest}
admin  POST         /api/me
admin  POST         /api/signout
admin  DELETE       /api/user/keys/{key}
admin  POST         /api/experimental/web_search
admin  POST         /api/experimental/web_fetch
admin  GET          /api/experimental/model-recommendations
admin  *            /api/{tail}

user   POST         /generate
user   POST         /chat
user   POST         /embed
user   GET          /tags
user   POST         /models/load
user   POST         /models/unload
user   GET          /api/models
user   GET          /api/performance/stats

admin  GET          /admin/state
admin  POST         /admin/engines/{name}/drain
admin  POST         /admin/engines/{name}/undrain
admin  POST         /admin/engines/{name}/test
"""


@dataclass(frozen=True)
class Door:
    access: str
    methods: frozenset[str]
    path: str

    @property
    def example(self) -> str:
        """The path with something in its variables that names nothing there is."""
        return re.sub(r"\{\w+\}", "none", self.path.replace("{tail}", "of/next-year"))

    def fits(self, path: str) -> bool:
        pattern = re.sub(r"\{\w+\}", "[^/]+", self.path.replace("{tail}", ".*"))
        return re.fullmatch(pattern, path) is not None


TABLE = {
    path: Door(access, frozenset(methods.split(",")), path)
    for access, methods, path in map(str.split, filter(None, DOORS.splitlines()))
}


def standing(app: web.Application) -> dict[str, list[Door]]:
    """The doors of the application by the prefix they stand under, as the router knows them."""
    found: dict[str, list[Door]] = {}
    for resource in app.router.resources():
        path = re.sub(r":[^{}]*\}", "}", resource.canonical)
        first = path.split("/")[1]
        prefix = f"/{first}" if first in SURFACES else ""
        path = path.removeprefix(prefix)
        access = TABLE[path].access if path in TABLE else "in nobody's table"
        methods = frozenset(route.method for route in resource)
        found.setdefault(prefix, []).append(Door(access, methods, path))
    return found


def access_of(doors: list[Door], path: str, method: str) -> str:
    """Whose it is, "" where the path does not know the method."""
    fitting = [door for door in doors if door.path != REST and door.fits(path)]
    for door in sorted(fitting, key=lambda door: "{" in door.path):
        if method in door.methods:
            return door.access
    passed_on = any(door.path == REST for door in doors) and TABLE[REST].fits(path)
    known = any(door.fits(path) for door in TABLE.values() if door.path != REST)
    return "admin" if passed_on and not known else ""


@pytest.fixture
async def guarded(start_gateway: StartGateway, ollama: FakeOllama) -> Running:
    return await start_gateway(
        OLLAMA_HOST=ollama.url, API_KEY=USER, ADMIN_KEY=ADMIN, RATE_LIMIT_RPS="100000"
    )


async def test_every_route_is_in_the_table_and_every_row_has_a_route(guarded: Running) -> None:
    found = dict.fromkeys(TABLE, frozenset[str]())
    for doors in standing(guarded.server.gateway.make_doors()[0]).values():
        for door in doors:
            assert door.path in TABLE, f"add {door.path} and who may call it to the table"
            assert door.methods <= TABLE[door.path].methods, door.path
            found[door.path] |= door.methods
    assert found == {path: door.methods for path, door in TABLE.items()}


@pytest.mark.parametrize("prefix", ["", *(f"/{surface}" for surface in SURFACES)])
async def test_every_method_of_every_path_for_every_kind_of_caller(
    guarded: Running, prefix: str
) -> None:
    doors = standing(guarded.server.gateway.make_doors()[0])[prefix]
    for door, method, (caller, key) in product(doors, METHODS, CALLERS.items()):
        access = access_of(doors, door.example, method)
        status = await call(guarded, method, prefix + door.example, key)
        where = f"{method} {prefix}{door.path} by {caller or 'nobody'}: {status}"
        assert as_it_should(status, access, caller), where


TRICKS = [
    "/api/%70ull",
    "/%61pi/pull",
    "/api//pull",
    "//api/pull",
    "/api/pull/",
    "/api/./pull",
    "/api/chat/../pull",
    "/health/../api/pull",
    "/health/..%2Fapi/pull",
    "/api/pull;/health",
    "/api/pull%00",
    "/api/pull%3F/health",
    "/api/Pull",
    "/api/version/pull",
    "/ollama/ollama/api/pull",
    "/ollama/../api/pull",
]


@pytest.mark.parametrize("path", TRICKS)
async def test_no_spelling_of_a_path_opens_another_door(
    guarded: Running, ollama: FakeOllama, path: str
) -> None:
    for headers in ({}, {"Host": "x/health?"}, {"Host": "localhost:4000/#@a"}):
        for key in ("", USER):
            signed = {"Authorization": f"Bearer {key}"} if key else {}
            url = URL(guarded.url + path, encoded=True)
            async with guarded.session.post(
                url, json={"model": "x"}, headers={**headers, **signed}, allow_redirects=False
            ) as answer:
                assert answer.status in (400, 401, 403, 404, 405)
    assert {seen.path for seen in ollama.requests} <= {"/api/tags", "/api/ps"}


def as_it_should(status: int, access: str, caller: str) -> bool:
    if not access:
        return status == 405
    if access == "public" or caller == "admin" or access == caller:
        return status not in (401, 403, 405)
    return status == (403 if caller else 401)


async def call(gateway: Running, method: str, path: str, key: str) -> int:
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    body = None if method in ("GET", "HEAD") else b"{}"
    async with gateway.session.request(
        method, gateway.url + path, data=body, headers=headers
    ) as answer:
        await answer.read()
        return answer.status
