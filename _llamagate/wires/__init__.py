"""Formats as pure functions: `parse_` comes in, `render_` goes out, nothing here waits or connects.

A package is one wire. Its client half turns what a client sent into `exchange` values and events
into what that client reads; its engine half does the same towards an engine.
"""
