"""Which pages in a browser may call: by the name they were reached by, and by where they are from.

With auth off a browser is the way in for strangers: any page may send requests to this machine,
and a page whose own name is made to resolve to it (DNS rebinding) may read the answers too. When
to ask, and what to answer, is the middleware's.
"""

import re
from functools import lru_cache
from ipaddress import ip_address

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{0,5})?", re.ASCII)
_LOCAL_DOMAINS = (".localhost", ".local", ".internal")  # no stranger can own a name in these

_LOOPBACK = re.compile(
    r"https?://(localhost|[a-z0-9.-]+\.localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|\[::1\])(:\d{1,5})?",
    re.ASCII,
)
# Pages that an application on this machine brings along; the same that Ollama lets in.
_APPLICATIONS = ("app://", "file://", "tauri://", "vscode-webview://", "vscode-file://")


@lru_cache(maxsize=256)
def host_allowed(host: str | None, machine_names: frozenset[str]) -> bool:
    """May a call with this `Host` header be answered? `machine_names` are lower-case."""
    found = _AUTHORITY.fullmatch((host or "").lower())
    if found is None:
        return False
    name = found[1] or found[2].removesuffix(".")
    if name == "localhost" or name in machine_names or name.endswith(_LOCAL_DOMAINS):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def origin_allowed(origin: str, cors_origins: tuple[str, ...], host: str = "") -> bool:
    """May a page from here call? `host` is the call's own `Host`: our own pages are not foreign.

    "null" is what sandboxed frames of any site send, so it has to be let in by name.
    """
    origin = origin.lower()
    return (
        origin.partition("://")[2] == host.lower() != ""
        or origin.startswith(_APPLICATIONS)
        or _LOOPBACK.fullmatch(origin) is not None
        or any(_matches(origin, allowed) for allowed in cors_origins)
    )


def _matches(origin: str, allowed: str) -> bool:
    pattern = "[^/]*".join(re.escape(piece) for piece in allowed.lower().rstrip("/").split("*"))
    return allowed == "*" or re.fullmatch(pattern, origin) is not None
