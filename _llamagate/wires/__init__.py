"""Formats as pure functions: `parse_` comes in, `render_` goes out, nothing here waits or connects.

A package is one wire. Its client half turns what a client sent into `exchange` values and events
into what that client reads; its engine half does the same towards an engine.

    openai, responses, anthropic, ollama, egollama, aigateway
               the wires
    body       a client's JSON, checked, and the name of the field that is wrong
    frames     lines and server-sent events, cut out of bytes and written
    names      names of models, every spelling made one
    arguments, schemas, retry_after
               tool calls, the schemas of tools, and when to come back, as they differ between wires
    estimate   how many tokens a prompt has
"""
