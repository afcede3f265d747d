"""A stand-in for Ollama, so that LlamaGate can be tried where no model is installed.

It speaks Ollama's wire on a loopback port and is an engine like any other to the rest of the
house. No model runs: `speech` makes up the answer and says so in it, `sample` fills in JSON
schemas, `lines` writes it as Ollama does, `models` knows what there is, `server` sends it all
at a steady rate.
"""

from _llamagate.demo.server import Demo

__all__ = ["Demo"]
