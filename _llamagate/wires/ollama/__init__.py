"""Ollama's own wire: JSON in, newline-delimited JSON out.

`requests` and `answers` are the engine's half: we ask, Ollama answers. The files that begin with
`client` are the other way round, for clients that speak to us as if we were Ollama, and `admin` is
what they ask that changes an engine's models. `errors` writes and reads what went wrong, and `keys`
knows which keys of a body are not what they seem.
"""

SPOKEN = "0.33.0"  # the version of Ollama whose wire this is
