"""What a client shows to say who it is, in every form."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from _llamagate.accounts.credential import credential, fingerprint

# What a header may hold once aiohttp has decoded it, and what hypothesis makes of that.
ANY_TEXT = st.text(st.characters(codec=None), max_size=200)


def basic(pair: str) -> str:
    return "Basic " + b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("headers", "secret"),
    [
        ({"X-API-Key": "k"}, "k"),
        ({"x-api-key": "k"}, "k"),
        ({"api-key": "k"}, "k"),
        ({"Authorization": "Bearer k"}, "k"),
        ({"authorization": "bearer k"}, "k"),
        ({"Authorization": "BEARER   k "}, "k"),
        ({"Authorization": "ApiKey k"}, "k"),
        ({"Authorization": basic("ann:k")}, "k"),
        ({"Authorization": basic("ann:with:colons")}, "with:colons"),
        ({"Authorization": basic(":k")}, "k"),
    ],
)
def test_a_key_is_found_wherever_clients_put_it(headers: dict[str, str], secret: str) -> None:
    assert credential(CIMultiDict(headers)) == secret


def test_the_first_credential_present_decides() -> None:
    headers = CIMultiDict({"Authorization": "Bearer c", "api-key": "b", "X-API-Key": "a"})
    assert credential(headers) == "a"
    del headers["X-API-Key"]
    assert credential(headers) == "b"
    del headers["api-key"]
    assert credential(headers) == "c"


@pytest.mark.parametrize("headers", [{}, {"Cookie": "k"}, {"X-API-Key": "", "Authorization": ""}])
def test_no_header_or_an_empty_one_is_no_credential(headers: dict[str, str]) -> None:
    assert credential(CIMultiDict(headers)) is None


@pytest.mark.parametrize(
    "value",
    ["k", "Bearer", "Bearer ", "Digest k", "Basic", "Basic !", "Basic YQ", "Basic é", basic("ann")],
)
def test_a_malformed_authorization_is_there_and_holds_no_secret(value: str) -> None:
    assert credential(CIMultiDict({"Authorization": value})) == ""


def test_a_password_that_is_not_utf_8_does_no_harm() -> None:
    value = "Basic " + b64encode(b"ann:\xff\x00").decode()
    secret = credential(CIMultiDict({"Authorization": value}))
    assert secret == "\udcff\x00"
    assert fingerprint(secret) != fingerprint("")


@given(ANY_TEXT, st.sampled_from(["X-API-Key", "api-key", "Authorization"]))
def test_nothing_in_a_header_raises(value: str, name: str) -> None:
    secret = credential(CIMultiDict({name: value}))
    assert len(fingerprint(secret or "")) == 32


@given(ANY_TEXT, ANY_TEXT)
def test_different_secrets_have_different_fingerprints(one: str, other: str) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
