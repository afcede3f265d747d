"""Where an engine is: every way people write it, made into scheme://host:port/prefix."""

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

OLLAMA_PORT = 11434
_SCHEME_PORTS = {"http": 80, "https": 443}
_ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # listened on, never dialled
_EXAMPLE = "an http or https address such as http://localhost:11434, its port from 1 to 65535"
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?")


def ollama_url(value: str) -> str:
    """As Ollama's own client reads OLLAMA_HOST, except that a bad port is refused."""
    value = value.strip(" \t\"'")
    if _is_ipv6(value):
        value = f"[{value}]"
    if value == "ollama.com":
        value = "https://ollama.com"
    scheme, found, rest = value.partition("://")
    if found:
        return _url(scheme.lower(), rest, _SCHEME_PORTS.get(scheme.lower(), 0))
    return _url("http", value, OLLAMA_PORT)


def engine_url(value: str) -> str:
    scheme, found, rest = value.strip().partition("://")
    if not found:
        scheme, rest = "http", value.strip()
    return _url(scheme.lower(), rest, _SCHEME_PORTS.get(scheme.lower(), 0))


def _url(scheme: str, rest: str, default_port: int) -> str:
    if scheme not in _SCHEME_PORTS:
        raise ValueError(_EXAMPLE)
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = default_port if parts.port is None else parts.port
    except ValueError:
        raise ValueError(_EXAMPLE) from None
    if "@" in parts.netloc:
        raise ValueError(
            "an address without user name or password; a key goes into `key` of [[engines]], "
            "or into <NAME>_API_KEY"
        )
    if parts.query or parts.fragment:
        raise ValueError("an address without ? and #")
    if port == 0:
        raise ValueError(_EXAMPLE)
    return f"{scheme}://{_host(parts)}:{port}{parts.path.rstrip('/')}"


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if host in _ANYWHERE:
        return _ANYWHERE[host]
    if _is_ipv6(host):
        return f"[{host}]"
    if not _HOST.fullmatch(host):
        raise ValueError(_EXAMPLE)
    return host


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True
