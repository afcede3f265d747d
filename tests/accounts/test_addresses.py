"""Where a call comes from, behind proxies that are trusted and others that are not."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.accounts.addresses import client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert client_address("192.0.2.1", "198.51.100.7", ()) == "192.0.2.1"
    assert client_address("::ffff:192.0.2.1", None, ()) == "192.0.2.1"
    assert client_address("::1", None, ()) == "::1"
    assert client_address("", None, PROXIES) == ""


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9,198.51.100.7 ,10.0.0.2,  10.0.0.3", "198.51.100.7"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        ("10.0.0.1", "[2001:470::1]:4711", "2001:470::1"),
        ("10.0.0.1", "2001:470::1", "2001:470::1"),
        ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "unknown, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, ' OR 1=1, 10.0.0.2", "10.0.0.2"),
    ],
)
def test_the_rightmost_stranger_is_the_client(
    peer: str, forwarded_for: str | None, client: str
) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == client


@given(st.text(st.characters(codec=None)))
def test_nothing_in_the_header_raises_or_becomes_an_address_by_mistake(text: str) -> None:
    found = client_address("10.0.0.1", text + ",", PROXIES)
    assert found == "10.0.0.1"
    client_address("10.0.0.1", text, PROXIES)
    client_address(text, text, PROXIES)
