"""Browsers: who may call from a page, and the preflight that asks.

With auth off a stranger's page must not reach the gateway through its visitor's browser, so a
foreign `Origin` is refused on every method, and a foreign `Host` is a rebinding attack. With auth
on the key decides, and `Host` is not looked at.
"""

from collections.abc import Callable

from _llamagate.accounts import Accounts
from _llamagate.accounts.browsers import host_allowed, origin_allowed
from _llamagate.call import Answer, Asked, Mounted
from _llamagate.errors import NotAllowed
from _llamagate.exchange import Call

_PROXIED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto")
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE, HEAD, OPTIONS",
    "Access-Control-Max-Age": "43200",
    "Vary": "Access-Control-Request-Headers",
}
_EXPOSED = (
    "X-Request-ID, Retry-After, X-Cache, Age, x-ignored-parameters, x-queue-position, "
    "x-queue-wait-ms, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "
    "x-ratelimit-reset-requests"
)


class Cors:
    def __init__(
        self, accounts: Accounts, origins: tuple[str, ...], machine_names: frozenset[str]
    ) -> None:
        self._accounts = accounts
        self._origins = origins
        self._machine_names = machine_names

    def allows(self, asked: Asked, origin: str) -> bool:
        return origin_allowed(origin, self._origins, asked.headers.get("Host", ""))

    def headers(self, asked: Asked) -> dict[str, str]:
        """For every answer to a request that has an Origin."""
        origin = asked.headers["Origin"]
        if not self.allows(asked, origin):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
        }

    def check(self, asked: Asked) -> None:
        """Raises NotAllowed for a request that only a page or a proxy nobody announced can make."""
        if self._accounts.required:
            return
        origin = asked.headers.get("Origin")
        if not host_allowed(asked.headers.get("Host"), self._machine_names):
            raise NotAllowed(
                "This Host name is not one of this machine. Use an IP address or localhost, "
                "or set a key (API_KEY), which lifts this check."
            )
        if origin is not None and not self.allows(asked, origin):
            raise NotAllowed("This Origin may not call: name it in CORS_ORIGINS.")
        if self._accounts.unconfigured and any(name in asked.headers for name in _PROXIED):
            raise NotAllowed(
                "This call came through a proxy, but no key is set. Set API_KEY, or AUTH=off "
                "if everybody who reaches the proxy may call."
            )

    def preflight(self, asked: Asked) -> Answer:
        if not self.allows(asked, asked.headers.get("Origin", "")):
            raise NotAllowed("This Origin may not call: name it in CORS_ORIGINS.")
        wanted = asked.headers.get("Access-Control-Request-Headers", "")
        headers = {**_PREFLIGHT, "Access-Control-Allow-Headers": wanted}
        return Answer(status=204, content_type="", headers=headers)


def cors(browsers: Cors) -> Callable[[Asked, Mounted, Call], Answer | None]:
    def guard(asked: Asked, route: Mounted, call: Call) -> Answer | None:
        browsers.check(asked)
        if asked.method == "OPTIONS" and "Access-Control-Request-Method" in asked.headers:
            return browsers.preflight(asked)
        return None

    return guard
