"""The short door: the first that a connection meets, and the quick way to a model.

What asks a model is nearly always a plain POST to one of few paths, and aiohttp's connection,
request and response are a quarter of what answering it costs. Such requests are read and answered
here, by the same handlers after the same passage. Whatever is any different (another path or
method, a body in chunks, a head in pieces, anything odd) is not judged here: its connection goes
to aiohttp's door for good, with the bytes that were read.

    client        one connection: what it sends, and who answers it
    head          heads of requests and answers, as text
    way           a stream on its way out, and whether its client reads it
"""
