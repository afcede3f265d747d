"""Which pages of a browser may call, by their own name and by ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from _llamagate.accounts.browsers import host_allowed, origin_allowed

NAMES = frozenset({"gpubox", "gpubox.example.org"})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "192.168.1.5:8080",
        "[::1]:8080",
        "[2001:db8::1]",
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "app.localhost:8080",
        "gpubox:8080",
        "GPUBox.example.org",
        "printer.local",
        "host.docker.internal:8080",
    ],
)
def test_a_name_that_no_stranger_can_own_is_answered(host: str) -> None:
    assert host_allowed(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        ":8080",
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "gpubox.evil.example",
        "evillocal",
        "notlocalhost",
        "localhost/health?",
        "x/health?",
        "localhost:4000/#@a",
        "user@localhost",
        "localhost@evil.example",
        "localhost:8080:9090",
        "localhost localhost",
        "localhost,evil.example",
        "[::1].evil.example",
        "[evil]",
        "::1",
        "1234",
        "999.1.1.1",
        "localhost:１",
        "LOCALHOſT",
        "localhost\x00",
        "localhost\n",
    ],
)
def test_any_other_host_is_refused(host: str | None) -> None:
    assert not host_allowed(host, NAMES)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "http://localhost:3000",
        "https://LOCALHOST:3000",
        "http://127.0.0.1:5173",
        "http://127.1.2.3",
        "http://0.0.0.0:8080",
        "http://[::1]:8080",
        "http://tauri.localhost",
        "app://obsidian.md",
        "file://",
        "tauri://localhost",
        "vscode-webview://0abc",
        "vscode-file://vscode-app",
    ],
)
def test_pages_of_this_machine_may_call(origin: str) -> None:
    assert origin_allowed(origin, ())


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example:3000",
        "http://localhost:3000.evil.example",
        "http://localhost@evil.example",
        "http://xlocalhost",
        "chrome-extension://abcdef",
        "xapp://localhost",
        "http://192.168.1.5:3000",
        "http://localhost:１",
    ],
)
def test_other_pages_may_not(origin: str) -> None:
    assert not origin_allowed(origin, ())


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://chat.example.com", "https://chat.example.com"),
        ("https://chat.example.com", "HTTPS://Chat.Example.com/"),
        ("https://chat.example.com", "https://*.example.com"),
        ("https://a.b.example.com", "https://*.example.com"),
        ("http://10.0.0.5:3000", "http://10.0.0.5:*"),
        ("moz-extension://abc", "moz-extension://*"),
        ("null", "null"),
        ("null", "*"),
        ("http://anywhere.example", "*"),
    ],
)
def test_the_operator_may_let_pages_in(origin: str, allowed: str) -> None:
    assert origin_allowed(origin, ("https://other.example", allowed))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://example.com", "https://*.example.com"),
        ("https://evilexample.com", "https://*.example.com"),
        ("https://evil.com/.example.com", "https://*.example.com"),
        ("https://chatXexample.com", "https://chat.example.com"),
        ("http://chat.example.com", "https://chat.example.com"),
        ("https://chat.example.com:8443", "https://chat.example.com"),
        ("https://chat.example.com.evil.com", "https://chat.example.com"),
        ("null", "https://*"),
    ],
)
def test_and_no_others_than_those(origin: str, allowed: str) -> None:
    assert not origin_allowed(origin, (allowed,))


def test_our_own_page_is_not_foreign() -> None:
    assert origin_allowed("http://192.168.1.5:8080", (), host="192.168.1.5:8080")
    assert not origin_allowed("http://192.168.1.5:3000", (), host="192.168.1.5:8080")
    assert not origin_allowed("null", (), host="")


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_no_header_raises(text: str, other: str) -> None:
    host_allowed(text, NAMES)
    origin_allowed(text, (other,), text)
