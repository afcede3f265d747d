"""OpenAI's wire: chat, completions, embeddings and models.

`parameters` says of every parameter what becomes of it; `chat`, `completions`, `embeddings` and
`models` are the client half, `engine` the other direction; `body` checks what came in.
"""
