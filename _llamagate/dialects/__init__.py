"""The languages clients speak: each file is one, with its routes, handlers and error shape.

A handler parses, calls one use case of the gateway, and renders. `base` reads bodies, `outgoing`
writes streams; which dialect stands at which prefix or port says `surfaces`.
"""
