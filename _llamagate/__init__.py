"""LlamaGate's insides; the command in front of them is `llamagate.py`.

A request comes in at the top of this list and goes down; nothing imports upwards.

cli          Commands and the doctor. Alone reads the environment and prints.
serve        Listening, signals, reloading, and stopping in stages. `listener` is one socket and
             the two doors behind it, `tls` its certificate.
app          Builds every room from a Config, joins them, opens and closes them.
surfaces     The table of surfaces: prefix, routes, error shape and default limit of each.
mounting     Where surfaces stand: under prefixes, at the root, on ports of their own.
door         The short way in for what asks a model; all else goes through aiohttp's.
dialects     What clients speak. Routes and handlers: parse, call one use case, render.
middlewares  What every request passes: id, access log, errors, browsers, key, rate.
admin        What operators ask of a running gateway, as JSON.
demo         A stand-in engine on a loopback port, for those who have no Ollama yet.
call         What one HTTP request carries, and what the table says of its route. `connection` is
             what it came by at aiohttp's door, and what notices that its client left.
gateway      The use cases: resolve a name, look into the cache, choose an engine, wait for a
             turn, ask, fail over, record.
accounts     Who is calling: keys, tokens.json, guesses, browsers, proxies.
limits       How much each may do: the leaky bucket.
queue        Whose turn it is: slots for each engine and model, and a fair line before them.
cache        Answers given before.
conversations
             Responses that clients may come back to.
models       Names: every spelling made one, aliases, defaults, who may use what.
engines      Upstreams: their HTTP, their kinds, the pool that knows which are well.
host         The machine: how busy it is, whether it has a GPU.
wires        Formats as pure functions, in both directions. Nothing here waits or connects.
exchange     One request and its answer in nobody's wire format.
errors       Everything a client may be told went wrong.
config       One table of settings, and the frozen Config made from it.
log, metrics, exposition, background, ids, notify, outbox, started
             JSON lines; gauges, and Prometheus' families of them; named tasks; ids; systemd;
             bytes that go out together; what is told once it listens.
"""

__version__ = "0.1.0"
