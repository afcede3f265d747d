"""Upstreams: how each kind is asked, and which of them is well.

base          what the gateway asks of any engine
ollama, openai, transformers
              the kinds
http          what a client of theirs is; `dial` chooses one
lean          over plain http, on a `connection` that is kept; `session` is for TLS
faults        what goes wrong on the way, in the same words for both
pool          all engines as one; `index` knows who has which model, `health` who is well,
              `breaker` what to leave alone for a while
child, snapshots, python, beside
              the process that serves a Hugging Face model, its files, and the Python it runs in
"""
