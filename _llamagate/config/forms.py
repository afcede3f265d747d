"""The forms in which people write a value: one function a form, text in, value out.

A text that is not of the form raises ValueError, whose words complete "it must be ...". Which
setting it was, and where it came from, is for the caller to add.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TypeAlias, TypeVar
from urllib.parse import urlsplit

from _llamagate.config.values import RateLimit

T = TypeVar("T")
Network: TypeAlias = IPv4Network | IPv6Network

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_MEGABYTES = {"kb": 1 / 1024, "k": 1 / 1024, "mb": 1.0, "m": 1.0, "gb": 1024.0, "g": 1024.0}
_PER = {"second": 1, "sec": 1, "s": 1, "minute": 60, "min": 60, "m": 60, "hour": 3600, "h": 3600}
_PER |= {"day": 86400, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]b?)?", re.IGNORECASE)
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/|per)\s*([a-z]+)(?:[\s,]+burst\s*=?\s*(\d+))?", re.I)


def text(value: str) -> str:
    return value


def path(value: str) -> Path:
    return Path(value)


def boolean(value: str) -> bool:
    folded = value.lower()
    if folded not in _TRUE | _FALSE:
        raise ValueError("true or false")
    return folded in _TRUE


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,15}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        if not re.fullmatch(r"-?[0-9]*\.?[0-9]+", value) or not low <= float(value) <= high:
            raise ValueError(f"a number from {low:.10g} to {high:.10g}")
        return float(value)

    return parse


def choice(*words: str, **other_words: str) -> Callable[[str], str]:
    """One of `words`; `other_words` says what else is understood, and as what."""

    def parse(value: str) -> str:
        folded = other_words.get(value.lower(), value.lower())
        if folded not in words:
            raise ValueError(" or ".join(filter(None, (", ".join(words[:-1]), words[-1]))))
        return folded

    return parse


def duration(low: float, high: float) -> Callable[[str], float]:
    """Seconds: 90, 90s, 1h30m, 500ms."""

    def parse(value: str) -> float:
        seconds = _seconds(value.replace(" ", "").lower())
        if seconds is None or not low <= seconds <= high:
            raise ValueError(f"a time from {_spell(low)} to {_spell(high)}, such as 30s, 5m or 64")
        return seconds

    return parse


def _seconds(value: str) -> float | None:
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    if not value or not re.fullmatch(f"(?:{_DURATION.pattern})+", value):
        return None
    return sum(float(count) * _SECONDS[unit] for count, unit in _DURATION.findall(value))


def _spell(seconds: float) -> str:
    for unit in ("d", "h", "m", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:g}{unit}"
    return f"{seconds * 1000:g}ms" if seconds else "0"


def megabytes(low: float, high: float) -> Callable[[str], int]:
    """Bytes: 50 and 50MB are the same."""

    def parse(value: str) -> int:
        found = _SIZE.fullmatch(value)
        size = float(found[1]) * _MEGABYTES[(found[2] or "mb").lower()] if found else -1.0
        if not low <= size <= high:
            raise ValueError(f"a size from {low:g} to {high:g} megabytes, such as 50 or 1GB")
        return round(size * 1024 * 1024)

    return parse


def words(value: str) -> tuple[str, ...]:
    """A comma list, each word once."""
    return tuple(dict.fromkeys(word for part in value.split(",") if (word := part.strip())))


def pairs(separator: str) -> Callable[[str], tuple[tuple[str, str], ...]]:
    def parse(value: str) -> tuple[tuple[str, str], ...]:
        found = [word.partition(separator) for word in words(value)]
        if not all(name.strip() and other.strip() for name, _, other in found):
            raise ValueError(f"a comma list of NAME{separator}VALUE")
        return tuple((name.strip(), other.strip()) for name, _, other in found)

    return parse


def or_none(word: str, parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """`parse`, or None for `word`."""

    def parse_or_none(value: str) -> T | None:
        if value.lower() == word:
            return None
        try:
            return parse(value)
        except ValueError as wrong:
            raise ValueError(f"{word}, or {wrong}") from None

    return parse_or_none


def secret(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("printable ASCII without spaces, as a header can carry")
    return value


def secrets(value: str) -> tuple[str, ...]:
    return tuple(secret(word) for word in words(value))


def address(value: str) -> str:
    """Where to listen. No other names than localhost: shells export HOST as the machine's own
    name, and obeying that would open the gateway to the network unasked."""
    bare = value.removeprefix("[").removesuffix("]")
    if value.lower() == "localhost":
        return "localhost"
    if value == "*":
        return "0.0.0.0"
    try:
        return str(ip_address(bare))
    except ValueError:
        raise ValueError("an IP address or localhost") from None


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    ip = ip_address(host)
    mapped = ip.ipv4_mapped if isinstance(ip, IPv6Address) else None
    return (mapped or ip).is_loopback


def origins(value: str) -> tuple[str, ...]:
    found = tuple(word.rstrip("/") for word in words(value) if word.lower() != "none")
    for origin in found:
        parts = urlsplit(origin)
        if origin in ("*", "null"):  # null is what a sandboxed frame sends
            continue
        if not parts.netloc or "@" in origin or parts.path or parts.query:
            raise ValueError("a comma list of origins such as https://chat.example.com, or *")
    return found


def networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(
            ip_network(word, strict=False) for word in words(value) if word.lower() != "none"
        )
    except ValueError:
        raise ValueError("a comma list of addresses or networks such as 10.0.0.0/8") from None


def rate(value: str) -> RateLimit:
    found = _RATE.fullmatch(value.strip())
    period = _PER.get(found[2].lower().removesuffix("s") or "s") if found else None
    if not found or not period or not 0 < float(found[1]) <= 1e9 or found[3] == "0":
        raise ValueError("a rate such as 60/minute, 100/hour or 60/minute burst 10")
    count = float(found[1])
    return RateLimit(count / period, float(found[3]) if found[3] else max(1.0, count))


def model_list(value: str) -> tuple[str, ...]:
    """none, a comma list, or * for any."""
    return () if value.lower() == "none" else words(value)
