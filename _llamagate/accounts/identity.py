"""Whose a credential is: a key from the settings, one of tokens.json, or nobody's where none is
asked for.

Every answer is a `Caller` or one of our errors. Secrets are known by their fingerprints only.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Self

from _llamagate.accounts.credential import fingerprint
from _llamagate.accounts.guesses import Guesses
from _llamagate.accounts.tokens_file import TokensFile
from _llamagate.config import EXAMPLE_KEYS, Config, KeySettings, RoleSettings
from _llamagate.errors import NotSignedIn
from _llamagate.exchange import Caller

_log = logging.getLogger("llamagate.accounts")

_HOW = "Send it as `Authorization: Bearer KEY` or as `X-API-Key: KEY`."
_MISSING = f"This gateway asks for an API key. {_HOW}"
_UNREADABLE = f"The Authorization header holds no API key that can be read. {_HOW}"
_WRONG = "The API key is not one of this gateway's. Ask whoever runs it for yours."
_EXAMPLE = "The API key is an example from a document, known to everybody, and does not count here."

_EXAMPLES = frozenset(map(fingerprint, EXAMPLE_KEYS))
_STRANGERS_KEPT = 1024


class Accounts:
    """`auth` is on, off or auto; `loopback` says that every listener is.

    `keys` are API_KEY and API_KEYS, `admin_keys` is ADMIN_KEY; `named` and `roles` are [keys]
    and [roles] of the settings file.
    """

    def __init__(
        self,
        roles: Mapping[str, RoleSettings],
        tokens: TokensFile,
        *,
        auth: str = "auto",
        loopback: bool = True,
        keys: Iterable[str] = (),
        admin_keys: Iterable[str] = (),
        named: Iterable[KeySettings] = (),
        guesses: Guesses | None = None,
    ) -> None:
        self._tokens = tokens
        self._auth = auth
        self._loopback = loopback
        self._keys = [fingerprint(key) for key in keys if key]
        self._admin_keys = [fingerprint(key) for key in admin_keys if key]
        self._guesses = guesses or Guesses()
        self._closed = auth == "on" or (auth == "auto" and not loopback)
        self.reload(roles, named)

    @classmethod
    def of(cls, config: Config) -> Self:
        return cls(
            config.roles,
            TokensFile(config.tokens_files, config.tokens_file_set),
            auth=config.auth,
            loopback=config.loopback_only,
            keys=(config.api_key, *config.api_keys),
            admin_keys=(config.admin_key,),
            named=config.keys,
        )

    def reload(self, roles: Mapping[str, RoleSettings], named: Iterable[KeySettings]) -> None:
        """Begin anew with these. A door that was closed stays closed."""
        self._roles = roles
        # The later wins: [keys] may say more of a key of API_KEYS, and ADMIN_KEY is what it is.
        self._by_key = {
            **{key: _bare(key, roles["user"]) for key in self._keys},
            **{bytes.fromhex(key.sha256): _named(key, roles[key.role]) for key in named},
            **{key: _caller("admin", "admin", roles["admin"]) for key in self._admin_keys},
        }
        self._names: Mapping[bytes, str] = {}
        self._by_token: dict[bytes, Caller] = {}
        self._strangers: dict[str, Caller] = {}
        self._closed = self._closed or (self._auth == "auto" and bool(self._by_key))

    def admit(self, made_key: str) -> None:
        """The key made at first start is an administrator's."""
        key = fingerprint(made_key)
        self._admin_keys.append(key)
        self._by_key[key] = _caller("admin", "admin", self._roles["admin"])

    @property
    def required(self) -> bool:
        """Is a credential asked for? It may become so when tokens.json appears."""
        return self._closed or (self._auth == "auto" and self._tokens.counts)

    @property
    def unconfigured(self) -> bool:
        """Is nobody asked for one only because none was ever set?"""
        return self._auth == "auto" and not self.required

    @property
    def keyless(self) -> bool:
        """Is one asked for that nobody was ever given? Then one has to be made."""
        return self.required and not self._by_key and not self._tokens.counts

    def identify(self, secret: str | None, address: str) -> Caller:
        """Who shows this secret, from this address. Raises NotSignedIn, or TooMany when too many
        wrong ones came from there; a good one is never refused for where it comes from."""
        if not self.required:
            return self._stranger(address)
        if not secret:
            raise NotSignedIn(_MISSING if secret is None else _UNREADABLE)
        key = fingerprint(secret)
        caller = self._by_key.get(key) or self._tokens_now().get(key)
        if caller is None or (key in _EXAMPLES and not self._loopback):
            self._guesses.count(address)
            raise NotSignedIn(_EXAMPLE if key in _EXAMPLES else _WRONG)
        return caller

    def example_keys(self) -> list[str]:
        """Whose keys stand in a document, for everybody to read. Only loopback takes them."""
        callers = {**self._tokens_now(), **self._by_key} if self.required else {}
        return [caller.name for key, caller in callers.items() if key in _EXAMPLES]

    def _tokens_now(self) -> Mapping[bytes, Caller]:
        names = self._tokens.names()
        if names is not self._names:
            self._names = names
            user = self._roles["user"]
            self._by_token = {
                key: _caller(name, f"tokens:{name}", user) for key, name in names.items()
            }
            for key in _EXAMPLES & names.keys():
                _log.warning("example_token", extra={"caller": names[key]})
        return self._by_token

    def _stranger(self, address: str) -> Caller:
        caller = self._strangers.get(address)
        if caller is None:
            if len(self._strangers) >= _STRANGERS_KEPT:
                self._strangers.clear()
            role = self._roles["admin" if self._loopback else "user"]
            caller = self._strangers[address] = _caller("anonymous", address, role)
        return caller


def _bare(key: bytes, role: RoleSettings) -> Caller:
    """A key without a name goes by the beginning of its fingerprint; it counts by all of it."""
    return _caller(f"key-{key.hex()[:8]}", f"key:{key.hex()}", role)


def _named(key: KeySettings, role: RoleSettings) -> Caller:
    caller = _caller(key.name, f"keys:{key.name}", role)
    return replace(
        caller,
        weight=caller.weight if key.weight is None else key.weight,
        models=caller.models if key.models is None else key.models,
    )


def _caller(name: str, account: str, role: RoleSettings) -> Caller:
    return Caller(
        name=name,
        role=role.name,
        admin=role.admin,
        weight=role.weight,
        priority=role.priority,
        models=role.models,
        account=account,
    )
