"""Anthropic's wire: messages and models. There is only the client half.

`request` is a conversation as a client asks for it, of `blocks` and `tools`; `reply` and `stream`
write the answer, plain and streamed, with `tool_ids` that carry the engine's own. `models` is the
list of models, `errors` the shape of what went wrong.
"""
