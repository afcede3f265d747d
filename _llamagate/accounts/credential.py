"""What a client shows to say who it is: found in its headers, never judged here."""

import binascii
from hashlib import sha256
from typing import Protocol


class Headers(Protocol):
    """Any mapping of headers that does not mind the case of a name."""

    def get(self, name: str, /) -> str | None: ...


def credential(headers: Headers) -> str | None:
    """The secret of the first credential present. None: there is none. "": there is one, and it
    holds no secret that we could read."""
    if key := headers.get("X-API-Key") or headers.get("api-key"):
        return key
    if authorization := headers.get("Authorization"):
        return _authorized(authorization)
    return None


def _authorized(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    secret = rest.strip()
    match scheme.lower():
        case "bearer" | "apikey":
            return secret
        case "basic":
            return _password(secret)
    return ""


def _password(encoded: str) -> str:
    try:
        pair = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:  # not base64, or not even ASCII
        return ""
    return pair.partition(b":")[2].decode("utf-8", "surrogateescape")


def fingerprint(secret: str) -> bytes:
    """What we keep and look up in place of a secret, whatever characters it is made of.

    Looking one up in a dict is constant time enough: how long it takes may tell of the digest's
    bits, and nobody can choose a secret whose digest begins as another's does.
    """
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
