"""Headers of every answer, set as its head goes out: after the handler a stream has left."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiohttp import web
from multidict import CIMultiDict

from _llamagate.accounts import Accounts
from _llamagate.call import CALL
from _llamagate.exchange import Call
from _llamagate.middlewares.cors import Cors
from _llamagate.middlewares.request_id import HEADER

Prepare: TypeAlias = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


def response_headers(browsers: Cors, accounts: Accounts) -> Prepare:
    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.popall("Server", None)  # what runs here is nobody's business
        call = request.get(CALL)
        if call is None:
            return
        headers[HEADER] = call.id
        if "anthropic-version" in request.headers:
            headers["request-id"] = call.id  # where clients of Anthropic's API look for it
        headers.extend(call.limit)
        if call.caller.name:
            _keep_private(headers, behind_a_key=accounts.required)
        if call.model:
            _tell_of_the_answer(headers, call)
        if "Origin" in request.headers:
            headers.add("Vary", "Origin")
            headers.update(browsers.headers(request))

    return prepare


def _keep_private(headers: CIMultiDict[str], behind_a_key: bool) -> None:
    kept = headers.get("Cache-Control")
    if kept is None:
        headers["Cache-Control"] = "private, no-store"
    elif behind_a_key:
        headers["Cache-Control"] = f"{kept}, private"


def _tell_of_the_answer(headers: CIMultiDict[str], call: Call) -> None:
    if call.cache:
        headers["X-Cache"] = call.cache
        if call.cache == "HIT":
            headers["Age"] = str(call.age)
    if call.ignored:
        headers["x-ignored-parameters"] = ", ".join(sorted(set(call.ignored)))
    if call.queue_position:
        headers["x-queue-position"] = str(call.queue_position)
    if call.queue_ms:  # waited, or to be expected where it waits still
        headers["x-queue-wait-ms"] = str(call.queue_ms)
    if call.context_full:
        headers["x-context-full"] = "true"
