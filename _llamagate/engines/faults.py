"""What can go wrong on the way to an engine, in words that say what to do.

Both clients raise these, so that a failure reads the same over http and https; `peer` is always
the engine's host:port. The last two refuse what would break out of a request's head.
"""

import os
from collections.abc import Mapping

from _llamagate.errors import (
    EngineBroke,
    EngineGarbled,
    EngineTimeout,
    EngineUnreachable,
    InvalidRequest,
)

HEAD_LIMIT = 64 * 1024  # bytes of an answer's status line and headers


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def refused(peer: str, exc: OSError) -> EngineUnreachable:
    reason = os.strerror(exc.errno).lower() if exc.errno else "at none of its addresses"
    return EngineUnreachable(
        f"no engine answers at {peer} ({reason}): start it, or correct its address"
    )


def unresolved(peer: str, reason: object) -> EngineUnreachable:
    return EngineUnreachable(
        f"the host of the engine at {peer} is unknown ({reason}): correct its address"
    )


def unconnected(peer: str, seconds: float) -> EngineUnreachable:
    return EngineUnreachable(
        f"no connection to the engine at {peer} within {seconds:g} s: "
        "check that the machine is up, its address, and firewalls on the way"
    )


def untrusted(peer: str, reason: object) -> EngineUnreachable:
    return EngineUnreachable(
        f"the engine at {peer} could not prove who it is ({reason}): "
        "correct its address, or name the authority of its certificate in the engine's ca_file"
    )


def no_tls(peer: str, reason: object) -> EngineUnreachable:
    return EngineUnreachable(
        f"the engine at {peer} does not speak TLS ({reason}): correct the address, perhaps to http://"
    )


def reset(peer: str) -> EngineUnreachable:
    return EngineUnreachable(
        f"{peer} dropped the connection before any answer: check that the engine runs behind it"
    )


def broke(peer: str, when: str) -> EngineBroke:
    return EngineBroke(f"the engine at {peer} broke off {when}: see the engine's own log")


def silent(peer: str, seconds: float) -> EngineTimeout:
    return EngineTimeout(
        f"the engine at {peer} was silent for {seconds:g} s: "
        "it is overloaded or still loading the model; raise TIMEOUT if it needs longer"
    )


def garbled(peer: str, reason: object) -> EngineGarbled:
    return EngineGarbled(
        f"{peer} does not speak HTTP as an engine should ({_line(reason)}): "
        "check the engine's address"
    )


def _line(reason: object) -> str:
    return str(reason).partition("\n")[0].rstrip(":")


def oversized(peer: str, limit: int) -> EngineGarbled:
    return EngineGarbled(
        f"the engine at {peer} sent more than {limit} bytes where an answer never needs as many: "
        "check the engine's address"
    )


def closed(peer: str) -> EngineBroke:
    return EngineBroke(
        f"the gateway closed its connections to the engine at {peer}: it is stopping"
    )


def check_target(path: str) -> None:
    """A line break in a head would begin another request."""
    if not _plain(path) or " " in path:
        raise InvalidRequest("the path holds a character that a URL may not: percent-encode it")


def check_headers(headers: Mapping[str, str]) -> None:
    if _plain("".join([*headers, *headers.values()])):
        return
    for name, value in headers.items():
        if not _plain(name + value):
            raise InvalidRequest(
                f"the header {name!r} holds a character that HTTP forbids: send visible ASCII only",
                param=name,
            )


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
