"""Addresses of engines, in every form people already use."""

import pytest

from _llamagate.config.urls import engine_url, ollama_url


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("example.com", "http://example.com:11434"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        (":1234", "http://127.0.0.1:1234"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("http://host", "http://host:80"),
        ("https://host", "https://host:443"),
        ("HTTPS://host", "https://host:443"),
        ("https://host/ollama", "https://host:443/ollama"),
        ("https://host/ollama/", "https://host:443/ollama"),
        ("host/ollama", "http://host:11434/ollama"),
        ("ollama.com", "https://ollama.com:443"),
        (' "1.2.3.4" ', "http://1.2.3.4:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("[::]:11434", "http://[::1]:11434"),
        ("", "http://127.0.0.1:11434"),
        ("http://host_with_underscore:1/", "http://host_with_underscore:1"),
    ],
)
def test_every_form_that_ollamas_own_client_takes(written: str, url: str) -> None:
    assert ollama_url(written) == url


@pytest.mark.parametrize(
    "written", ["http://host:bad", "host:99999", "host:0", "ftp://host", "http://a b", "http://[::"]
)
def test_an_address_that_cannot_be_dialled_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="an http or https address"):
        ollama_url(written)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="without user name") as refused:
        engine_url("http://ann:hunter2@box:8000/v1")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("written", ["http://host/?a=b", "http://host/#x"])
def test_an_address_has_no_query_and_no_fragment(written: str) -> None:
    with pytest.raises(ValueError, match="without"):
        engine_url(written)


def test_an_engine_without_a_port_is_at_that_of_its_scheme() -> None:
    assert engine_url("http://box/v1") == "http://box:80/v1"
    assert engine_url("https://api.example.com/v1") == "https://api.example.com:443/v1"
    assert engine_url("box:8000/v1/") == "http://box:8000/v1"
