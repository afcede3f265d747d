"""The use cases: generate, embed, list and load models, relay. Here a request finds its engine.

Resolve the name, look into the cache, choose an engine, wait for a turn, ask, fail over until the
first event has come, record what was used. Nothing here knows a wire, a header or a socket.
"""
