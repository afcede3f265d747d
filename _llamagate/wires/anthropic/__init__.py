"""Anthropic's wire: messages and models. There is only the client half.

`request` is a conversation as a client asks for it, of `blocks` and `tools`; `reply` and `stream`
write the answer, plain and streamed.
"""
