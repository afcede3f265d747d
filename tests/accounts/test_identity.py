"""Whose a credential is, and who is somebody without one."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from _llamagate.accounts import Accounts
from _llamagate.accounts.guesses import Guesses
from _llamagate.accounts.tokens_file import TokensFile
from _llamagate.config import Config, KeySettings, RoleSettings
from _llamagate.errors import NotSignedIn, TooMany
from _llamagate.exchange import Caller

ROLES = Config().roles
HERE = "127.0.0.1"


def hashed(key: str) -> str:
    return sha256(key.encode()).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


@pytest.fixture
def tokens(path: Path) -> TokensFile:
    return TokensFile([path])


def write(path: Path, tokens: Mapping[str, str]) -> None:
    path.write_text(json.dumps(tokens))


def is_known(accounts: Accounts, secret: str | None) -> bool:
    try:
        return accounts.identify(secret, HERE).name != "anonymous"
    except NotSignedIn:
        return False


# ---------------------------------------------------------------- is one asked for


def test_with_nothing_configured_on_loopback_everybody_is_an_administrator(
    tokens: TokensFile,
) -> None:
    accounts = Accounts(ROLES, tokens)
    assert not accounts.required
    for secret in (None, "", "whatever"):
        caller = accounts.identify(secret, "127.0.0.1")
        assert (caller.name, caller.account, caller.admin) == ("anonymous", "127.0.0.1", True)
    assert accounts.identify(None, "::1").account == "::1"


def test_auth_off_for_the_network_makes_nobody_an_administrator(tokens: TokensFile) -> None:
    accounts = Accounts(ROLES, tokens, auth="off", loopback=False, admin_keys=["admin-key"])
    assert not accounts.required
    assert not accounts.identify("admin-key", "192.0.2.1").admin


def test_auth_off_ignores_what_is_configured(tokens: TokensFile, path: Path) -> None:
    write(path, {"ann": "token-of-ann"})
    accounts = Accounts(ROLES, tokens, auth="off", keys=["good-key"])
    assert accounts.identify("bad-key", HERE).name == "anonymous"
    assert accounts.identify("good-key", HERE).name == "anonymous"


def test_many_addresses_without_auth_are_not_remembered_for_ever(tokens: TokensFile) -> None:
    accounts = Accounts(ROLES, tokens)
    callers = {accounts.identify(None, f"10.0.{i >> 8}.{i & 255}").account for i in range(5000)}
    assert len(callers) == 5000
    assert len(accounts._strangers) <= 1024


@pytest.mark.parametrize(
    "accounts",
    [
        {"auth": "on"},
        {"loopback": False},
        {"keys": ["good-key"]},
        {"admin_keys": ["good-key"]},
        {"named": [KeySettings("ann", hashed("good-key"))]},
    ],
)
def test_auto_is_on_once_there_is_a_key_or_a_way_in_from_outside(
    accounts: dict[str, object], tokens: TokensFile
) -> None:
    found = Accounts(ROLES, tokens, **accounts)  # type: ignore[arg-type]  # one argument each
    assert found.required
    with pytest.raises(NotSignedIn, match="Authorization: Bearer"):
        found.identify(None, HERE)


def test_empty_keys_are_none(tokens: TokensFile) -> None:
    assert not Accounts(ROLES, tokens, keys=["", ""], admin_keys=[""]).required


@pytest.mark.parametrize("content", ["{}", "", '{"ann": "token-of-ann"}'])
def test_the_door_closes_when_a_tokens_file_appears_and_stays_closed(
    tokens: TokensFile, path: Path, content: str
) -> None:
    accounts = Accounts(ROLES, tokens)
    assert accounts.identify("token-of-eve", HERE).admin
    path.write_text(content)
    assert accounts.required
    assert not is_known(accounts, "token-of-eve")
    path.unlink()
    assert accounts.required
    assert not is_known(accounts, "token-of-ann")


def test_unconfigured_is_neither_closed_nor_open_on_purpose(tokens: TokensFile, path: Path) -> None:
    accounts = Accounts(ROLES, tokens)
    assert accounts.unconfigured
    assert not Accounts(ROLES, tokens, auth="off").unconfigured
    assert not Accounts(ROLES, tokens, keys=["good-key"]).unconfigured
    write(path, {})
    assert not accounts.unconfigured


def test_a_reload_does_not_open_the_door(tokens: TokensFile) -> None:
    accounts = Accounts(ROLES, tokens, named=[KeySettings("ann", hashed("good-key"))])
    accounts.reload(ROLES, [])
    assert accounts.required
    assert not is_known(accounts, "good-key")


# ---------------------------------------------------------------- whose it is


def test_each_static_key_is_a_user_with_an_account_of_its_own(tokens: TokensFile) -> None:
    accounts = Accounts(ROLES, tokens, keys=["key-one", "key-two"])
    one, two = (accounts.identify(key, HERE) for key in ("key-one", "key-two"))
    assert one.name == f"key-{hashed('key-one')[:8]}"
    assert not one.admin and not two.admin
    assert one.account != two.account
    assert hashed("key-one") in one.account, "a shortened hash could be somebody else's too"


def test_the_administrators_key_is_one_also_when_it_stands_among_the_others(
    tokens: TokensFile,
) -> None:
    accounts = Accounts(
        ROLES,
        tokens,
        keys=["root-key"],
        admin_keys=["root-key"],
        named=[KeySettings("ann", hashed("root-key"), role="basic")],
    )
    assert accounts.identify("root-key", HERE).admin


def test_a_key_known_by_its_hash_has_its_role_and_what_it_says_itself(tokens: TokensFile) -> None:
    roles = {**ROLES, "lab": RoleSettings("lab", 3.0, "batch", ("llama*",))}
    named = [
        KeySettings("ann", hashed("key-of-ann"), role="lab"),
        KeySettings("bob", hashed("key-of-bob"), role="lab", weight=0.5, models=("qwen3",)),
        KeySettings("root", hashed("key-of-root"), role="admin"),
    ]
    accounts = Accounts(roles, tokens, named=named)
    assert accounts.identify("key-of-ann", HERE) == Caller(
        "ann", "lab", False, 3.0, "batch", ("llama*",), "keys:ann"
    )
    bob = accounts.identify("key-of-bob", HERE)
    assert (bob.weight, bob.models) == (0.5, ("qwen3",))
    assert accounts.identify("key-of-root", HERE).admin


def test_the_settings_file_may_say_more_of_a_static_key(tokens: TokensFile) -> None:
    named = [KeySettings("ann", hashed("key-of-ann"), role="premium")]
    accounts = Accounts(ROLES, tokens, keys=["key-of-ann"], named=named)
    assert accounts.identify("key-of-ann", HERE).name == "ann"
    assert accounts.identify("key-of-ann", HERE).weight == 2.0


def test_a_role_may_have_no_model_at_all(tokens: TokensFile) -> None:
    named = [KeySettings("ann", hashed("key-of-ann"), models=())]
    accounts = Accounts(ROLES, tokens, named=named)
    assert accounts.identify("key-of-ann", HERE).models == ()


def test_users_of_tokens_json_are_users_whatever_they_are_called(
    tokens: TokensFile, path: Path
) -> None:
    write(path, {"admin": "token-of-admin", "ann": "token-of-ann"})
    accounts = Accounts(ROLES, tokens, admin_keys=["the-real-admin"])
    caller = accounts.identify("token-of-admin", HERE)
    assert (caller.name, caller.admin) == ("admin", False)
    assert caller.account != accounts.identify("the-real-admin", HERE).account


def test_the_same_name_in_two_places_is_two_accounts(tokens: TokensFile, path: Path) -> None:
    write(path, {"ann": "token-of-ann"})
    named = [KeySettings("ann", hashed("key-of-ann"))]
    accounts = Accounts(ROLES, tokens, named=named)
    keys = ("key-of-ann", "token-of-ann")
    assert len({accounts.identify(key, HERE).account for key in keys}) == 2


def test_a_change_of_tokens_json_counts_at_once(tokens: TokensFile, path: Path) -> None:
    write(path, {"ann": "token-of-ann"})
    accounts = Accounts(ROLES, tokens)
    assert accounts.identify("token-of-ann", HERE).name == "ann"
    write(path, {"bob": "token-of-bob"})
    assert not is_known(accounts, "token-of-ann")
    assert accounts.identify("token-of-bob", HERE).name == "bob"


def test_new_roles_count_for_everybody_after_a_reload(tokens: TokensFile, path: Path) -> None:
    write(path, {"ann": "token-of-ann"})
    accounts = Accounts(ROLES, tokens, keys=["good-key"])
    assert accounts.identify("token-of-ann", HERE).models is None
    roles = {**ROLES, "user": RoleSettings("basic", models=("llama3.1:8b",))}
    accounts.reload(roles, [])
    for secret in ("good-key", "token-of-ann"):
        assert accounts.identify(secret, HERE).models == ("llama3.1:8b",)


def test_a_prefix_or_an_extension_of_a_key_is_not_the_key(tokens: TokensFile) -> None:
    accounts = Accounts(ROLES, tokens, keys=["good-key"], guesses=Guesses())
    for secret in ("good-ke", "good-key ", "good-keyx", "GOOD-KEY", "good-key\x00"):
        assert not is_known(accounts, secret)


# ---------------------------------------------------------------- the key made at first start


@pytest.mark.parametrize(
    ("settings", "named_file", "keyless"),
    [
        ({}, False, False),  # loopback, and nobody is asked
        ({"auth": "off", "loopback": False}, False, False),
        ({"loopback": False}, False, True),
        ({"auth": "on"}, False, True),
        ({"loopback": False, "keys": ["good-key"]}, False, False),
        ({"loopback": False}, True, False),  # TOKENS_FILE is set and missing: nobody gets in
    ],
)
def test_a_key_is_wanted_only_when_nobody_could_get_in_otherwise(
    settings: dict[str, object], named_file: bool, keyless: bool, path: Path
) -> None:
    tokens = TokensFile([path], named=named_file)
    accounts = Accounts(ROLES, tokens, **settings)  # type: ignore[arg-type]  # see the list
    assert accounts.keyless is keyless


def test_the_made_key_is_an_administrators_and_outlives_a_reload(tokens: TokensFile) -> None:
    accounts = Accounts(ROLES, tokens, loopback=False)
    accounts.admit("lg-made")
    assert accounts.identify("lg-made", "192.0.2.1").admin
    assert not accounts.keyless
    accounts.reload(ROLES, [])
    assert accounts.identify("lg-made", "192.0.2.1").admin


# ---------------------------------------------------------------- keys that everybody knows


def test_an_example_key_counts_on_loopback_only(path: Path) -> None:
    write(path, {"user1": "token_for_user1", "ann": "token-of-ann"})
    named = [KeySettings("bob", hashed("sk-llamagate"))]
    here = Accounts(ROLES, TokensFile([path]), named=named)
    wide = Accounts(ROLES, TokensFile([path]), named=named, loopback=False)
    assert sorted(here.example_keys()) == sorted(wide.example_keys()) == ["bob", "user1"]
    for secret in ("token_for_user1", "sk-llamagate"):
        assert is_known(here, secret)
        with pytest.raises(NotSignedIn, match="example"):
            wide.identify(secret, HERE)
    assert wide.identify("token-of-ann", HERE).name == "ann"


def test_an_example_in_the_tokens_file_is_warned_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, {"user1": "token_for_user1", "ann": "token-of-ann"})
    Accounts(ROLES, TokensFile([path])).identify("token-of-ann", HERE)
    (warned,) = [line for line in caplog.records if line.message == "example_token"]
    assert vars(warned)["caller"] == "user1"


def test_where_no_key_is_asked_for_an_example_does_no_harm(tokens: TokensFile) -> None:
    assert Accounts(ROLES, tokens, auth="off", keys=["sk-llamagate"]).example_keys() == []


# ---------------------------------------------------------------- guessing


def test_wrong_keys_are_throttled_and_a_good_one_never(tokens: TokensFile) -> None:
    accounts = Accounts(ROLES, tokens, keys=["good-key"])
    for _ in range(10):
        with pytest.raises(NotSignedIn):
            accounts.identify("bad-key", HERE)
    with pytest.raises(TooMany) as refusal:
        accounts.identify("bad-key", HERE)
    assert (refusal.value.retry_after or 0) > 0
    assert "bad-key" not in refusal.value.message
    assert accounts.identify("good-key", HERE)
    with pytest.raises(NotSignedIn):
        accounts.identify("bad-key", "192.0.2.99")


@pytest.mark.parametrize("secret", [None, ""])
def test_showing_no_key_is_not_a_guess(tokens: TokensFile, secret: str | None) -> None:
    accounts = Accounts(ROLES, tokens, keys=["good-key"])
    for _ in range(50):
        with pytest.raises(NotSignedIn):
            accounts.identify(secret, HERE)


NASTY = [
    "' OR '1'='1",
    "'; DROP TABLE keys;--",
    "\x00",
    "%00",
    "ключ",
    "\ud800",
    "\udcff",
    "k" * 10**6,
]


@pytest.mark.parametrize("secret", NASTY)
def test_a_nasty_key_is_only_a_wrong_key(tokens: TokensFile, secret: str) -> None:
    accounts = Accounts(ROLES, tokens, keys=["good-key"])
    with pytest.raises(NotSignedIn) as refusal:
        accounts.identify(secret, secret)
    assert secret not in refusal.value.message


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_secret_and_no_address_raises_anything_but_our_errors(
    tokens: TokensFile, secret: str, address: str
) -> None:
    accounts = Accounts(ROLES, tokens, keys=["good-key"])
    with pytest.raises((NotSignedIn, TooMany)):
        accounts.identify(secret, address)
