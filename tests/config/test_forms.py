"""The forms in which people write values."""

from ipaddress import ip_network

import pytest

from _llamagate.config import forms
from _llamagate.config.values import RateLimit

seconds = forms.duration(0.001, 1800)
size = forms.megabytes(0.001, 4096)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5m", 300), ("30s", 30), ("64", 64), ("1.5", 1.5), ("500ms", 0.5), ("0.5h", 1800),
        ("1m30s", 90), ("2 m", 120), ("5M", 300),
    ],
)  # fmt: skip
def test_times_are_understood_as_people_write_them(written: str, meant: float) -> None:
    assert seconds(written) == pytest.approx(meant)


@pytest.mark.parametrize("written", ["", "m", "5x", "-5s", "31m", "1801", "0", "5m5", "nan", "1e3"])
def test_a_time_that_is_none_or_out_of_range_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a time from 1ms to 30m"):
        seconds(written)


@pytest.mark.parametrize(
    ("written", "megabytes"), [("50", 50), ("50MB", 50), ("50 mb", 50), ("1g", 1024), ("512k", 0.5)]
)
def test_sizes_are_megabytes_unless_they_say_otherwise(written: str, megabytes: float) -> None:
    assert size(written) == megabytes * 1024 * 1024


@pytest.mark.parametrize("written", ["", "x", "-1", "0", "5TB", "4097"])
def test_a_size_that_is_none_or_out_of_range_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a size from"):
        size(written)


@pytest.mark.parametrize("written", ["true", "TRUE", "1", "yes", "on"])
def test_many_words_mean_true(written: str) -> None:
    assert forms.boolean(written) is True


@pytest.mark.parametrize("written", ["false", "0", "No", "off"])
def test_many_words_mean_false(written: str) -> None:
    assert forms.boolean(written) is False


def test_another_word_is_neither_true_nor_false() -> None:
    with pytest.raises(ValueError, match="true or false"):
        forms.boolean("vite:*")


@pytest.mark.parametrize("written", ["", "abc", "1.0", "-1", "65536", "0x10", "١", "9" * 5000])
def test_what_is_no_port_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a whole number from 0 to 65535"):
        forms.whole(0, 65535)(written)


@pytest.mark.parametrize(("written", "meant"), [("0.7", 0.7), (".5", 0.5), ("2", 2.0)])
def test_numbers_may_have_a_point(written: str, meant: float) -> None:
    assert forms.number(0, 2)(written) == meant


@pytest.mark.parametrize("written", ["nan", "inf", "2.1", "-0.1", "", "1,5"])
def test_what_is_no_number_in_range_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a number from 0 to 2"):
        forms.number(0, 2)(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("60/minute burst 10", RateLimit(1.0, 10)),
        ("60/min, burst=10", RateLimit(1.0, 10)),
        ("100/hour", RateLimit(100 / 3600, 100)),
        ("5 per second", RateLimit(5.0, 5)),
        ("0.5/s", RateLimit(0.5, 1)),
        ("1000/day", RateLimit(1000 / 86400, 1000)),
        ("30/minutes", RateLimit(0.5, 30)),
    ],
)
def test_a_rate_holds_a_whole_period_or_its_burst(written: str, meant: RateLimit) -> None:
    assert forms.rate(written) == meant


@pytest.mark.parametrize("written", ["60", "60/fortnight", "0/s", "60/minute burst 0", "x/hour"])
def test_what_is_no_rate_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a rate such as"):
        forms.rate(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("localhost", "localhost"), ("LOCALHOST", "localhost"), ("0.0.0.0", "0.0.0.0"),
        ("::", "::"), ("[::1]", "::1"), ("*", "0.0.0.0"),
    ],
)  # fmt: skip
def test_addresses_to_listen_on(written: str, meant: str) -> None:
    assert forms.address(written) == meant


@pytest.mark.parametrize("written", ["my-laptop", "x86_64-conda-linux-gnu", "127.0.0.1:80", "1.2"])
def test_a_machine_name_that_a_shell_exported_is_no_address_to_listen_on(written: str) -> None:
    with pytest.raises(ValueError, match="an IP address or localhost"):
        forms.address(written)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_loopback_in_all_its_forms(host: str) -> None:
    assert forms.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "fe80::1"])
def test_what_others_can_reach_is_not_loopback(host: str) -> None:
    assert not forms.is_loopback(host)


def test_lists_lose_blanks_empty_words_and_repetitions() -> None:
    assert forms.words(" a, b ,,a,") == ("a", "b")


def test_pairs_split_at_the_first_separator() -> None:
    assert forms.pairs("=")("gpt-4=llama3.1:70b, claude-*=a=b") == (
        ("gpt-4", "llama3.1:70b"),
        ("claude-*", "a=b"),
    )


@pytest.mark.parametrize("written", ["a", "a=", "=b", "a=b,c"])
def test_a_pair_without_both_halves_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="NAME=VALUE"):
        forms.pairs("=")(written)


@pytest.mark.parametrize("written", ["two words", "ключ", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        forms.secret(written)


def test_networks_may_be_single_addresses() -> None:
    assert forms.networks("10.0.0.1/8, ::1, none") == (ip_network("10.0.0.0/8"), ip_network("::1"))


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="addresses or networks"):
        forms.networks("10.0.0.0/8, proxy.local")


def test_origins_lose_their_slash() -> None:
    assert forms.origins("https://a.example/, http://b:3000, null") == (
        "https://a.example",
        "http://b:3000",
        "null",
    )


@pytest.mark.parametrize("written", ["chat.example.com", "https://a.example/path", "https://u@a"])
def test_what_is_no_origin_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="origins"):
        forms.origins(written)


def test_a_word_may_stand_for_none() -> None:
    slots = forms.or_none("auto", forms.whole(1, 8))
    assert slots("auto") is None
    assert slots("4") == 4
    with pytest.raises(ValueError, match="auto, or a whole number from 1 to 8"):
        slots("many")


def test_choices_name_what_there_is_to_choose_from() -> None:
    with pytest.raises(ValueError, match="auto, on or off"):
        forms.choice("auto", "on", "off", true="on")("maybe")
    assert forms.choice("auto", "on", "off", true="on")("TRUE") == "on"
