"""Which heads the short door takes, and how it writes its own."""

import pytest

from _llamagate.door.head import Head, parse_head, render_head

PLAIN = b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Mixed-Case: a b\r\n\r\n"


def parsed(data: bytes) -> Head | None:
    return parse_head(data, "192.0.2.7")


def test_a_plain_head_is_taken() -> None:
    head = parsed(PLAIN + b"hello")
    assert head is not None
    assert (head.method, head.path, head.remote) == ("POST", "/v1/x", "192.0.2.7")
    assert (head.size, head.whole) == (len(PLAIN), len(PLAIN) + 5)
    assert head.headers["x-mixed-case"] == "a b"


def test_blanks_around_a_value_are_none_of_it() -> None:
    head = parsed(PLAIN.replace(b"Host: h", b"Host: \t h \t "))
    assert head is not None
    assert head.headers["Host"] == "h"


@pytest.mark.parametrize("value", [b"keep-alive", b"Keep-Alive"])
def test_a_client_may_say_that_it_keeps_its_connection(value: bytes) -> None:
    assert parsed(PLAIN.replace(b"Host: h", b"Host: h\r\nConnection: " + value)) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST ",
        PLAIN[:-2],
        PLAIN.replace(b"POST", b"PUT"),
        PLAIN.replace(b"1.1", b"1.0"),
        PLAIN.replace(b"/v1/x", b"http://h/v1/x"),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"Host: h", b"Host: h\nX: y"),
        PLAIN.replace(b"Host: h", b"Host: h\r\n folded"),
        PLAIN.replace(b"Host: h", b"Host: \xc3\xa9"),
        PLAIN.replace(b"Host: h", b"Host: \0"),
        PLAIN.replace(b"Host: h", b"Ho st: h"),
        PLAIN.replace(b"Host: h", b"Host : h"),
        PLAIN.replace(b"Host: h", b"Host h"),
        PLAIN.replace(b"Host: h", b": h"),
        PLAIN.replace(b"Host: h", b"Host: h\r\nhost: other"),
        PLAIN.replace(b"Content-Length: 5", b"Content-Length: 5\r\nContent-Length: 5"),
        PLAIN.replace(b"Content-Length: 5", b"Content-Length: 5\r\nContent-Length: 6"),
        PLAIN.replace(b"Content-Length: 5", b"Content-Length: 5, 5"),
        PLAIN.replace(b"Content-Length: 5", b"Content-Length: +5"),
        PLAIN.replace(b"Content-Length: 5", b"Content-Length: -5"),
        PLAIN.replace(b"Content-Length: 5", b"Content-Length: 0x5"),
        PLAIN.replace(b"Content-Length: 5", b"Content-Length:"),
        PLAIN.replace(b"Content-Length: 5", b"X: y"),
        PLAIN.replace(b"Host: h", b"Transfer-Encoding: chunked"),
        PLAIN.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        PLAIN.replace(b"Host: h", b"Content-Encoding: gzip"),
        PLAIN.replace(b"Host: h", b"Expect: 100-continue"),
        PLAIN.replace(b"Host: h", b"Connection: close"),
        PLAIN.replace(b"Host: h", b"Connection: Upgrade\r\nUpgrade: websocket"),
        PLAIN.replace(b"Host: h", b"Upgrade: h2c"),
        PLAIN.replace(b"Host: h", b"Host: " + b"h" * 9000),
        PLAIN.replace(b"Host: h", b"X: h"),
        PLAIN.replace(b"Host: h", b"Host: h\r\nProxy-Connection: close"),
        PLAIN.replace(b"Length: 5", b"Length: " + b"0" * 5000 + b"5"),
        PLAIN.replace(b"Host: h", b"Host: h" + b"".join(b"\r\nX%d: y" % n for n in range(100))),
    ],
)
def test_what_is_any_different_is_left_to_the_other_door(data: bytes) -> None:
    assert parsed(data) is None


def test_an_answer_has_its_status_its_fields_and_a_date() -> None:
    head = render_head(404, (("X-One", "1"), ("X-Two", "Zwei")))
    lines = head.split(b"\r\n")
    assert lines[:3] == [b"HTTP/1.1 404 Not Found", b"X-One: 1", b"X-Two: Zwei"]
    assert lines[3].startswith(b"Date: ")
    assert lines[3].endswith(b" GMT")
    assert lines[4:] == [b"", b""]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"])
def test_a_field_stays_one(value: str) -> None:
    with pytest.raises(ValueError, match="no header may"):
        render_head(200, (("X", value),))
