"""A fake Ollama on a real loopback port: real HTTP, real pace, real faults, made-up words.

    async with FakeOllama() as fake:
        fake.answer = Answer("Hello there", pace=0.01, fault=Fault.cut(after=1))
        ... talk to fake.url ...
        assert fake.cancelled == 1

`server` is the server and what it saw, `script` what it may be told to do, `checks` what it
refuses, `residence` which models are in memory and how many runs each takes at once.
"""

from tests.fakes.ollama.script import Answer, Call, FakeModel, Fault
from tests.fakes.ollama.server import FakeOllama, Seen

__all__ = ["Answer", "Call", "FakeModel", "FakeOllama", "Fault", "Seen"]
