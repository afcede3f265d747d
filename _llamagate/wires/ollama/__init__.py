"""Ollama's own wire: JSON in, newline-delimited JSON out.

`requests` and `answers` are the engine half (we ask, Ollama answers); `client` is the other way
round, for clients that speak to us as if we were Ollama; `errors` reads both.
"""
