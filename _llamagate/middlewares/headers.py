"""Headers of every answer, beside its own."""

from urllib.parse import quote

from _llamagate.accounts import Accounts
from _llamagate.call import Asked
from _llamagate.exchange import Call
from _llamagate.middlewares.cors import Cors
from _llamagate.middlewares.request_id import HEADER


class Headers:
    def __init__(self, browsers: Cors, accounts: Accounts) -> None:
        self._browsers = browsers
        self._accounts = accounts

    def __call__(self, asked: Asked, call: Call, kept: str | None) -> list[tuple[str, str]]:
        """`kept`: the Cache-Control that the answer has of itself."""
        found = [(HEADER, call.id), *call.limit]
        if "anthropic-version" in asked.headers:
            found.append(("request-id", call.id))  # where clients of Anthropic's API look for it
        if call.caller.name:
            kept = self._private(kept)
        if kept:
            found.append(("Cache-Control", kept))
        if call.model:
            found += _of_the_answer(call)
        if "Origin" in asked.headers:
            found += [("Vary", "Origin"), *self._browsers.headers(asked).items()]
        return found

    def _private(self, kept: str | None) -> str:
        if kept is None:
            return "private, no-store"
        return f"{kept}, private" if self._accounts.required else kept


def _of_the_answer(call: Call) -> list[tuple[str, str]]:
    found = []
    if call.cache:
        found.append(("X-Cache", call.cache))
        if call.cache == "HIT":
            found.append(("Age", str(call.age)))
    if call.ignored:
        found.append(("x-ignored-parameters", ", ".join(sorted(map(_named, set(call.ignored))))))
    if call.queue_position:
        found.append(("x-queue-position", str(call.queue_position)))
    if call.queue_ms:  # waited, or to be expected where it waits still
        found.append(("x-queue-wait-ms", str(call.queue_ms)))
    if call.context_full:
        found.append(("x-context-full", "true"))
    return found


def _named(parameter: str) -> str:
    """A name that a client made up may hold what a header may not."""
    return parameter if parameter.isprintable() else quote(parameter)
