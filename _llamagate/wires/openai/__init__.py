"""OpenAI's wire: chat, completions, embeddings and models.

The client half: `parameters` says of every parameter what becomes of it; `chat`, of `parts` and
`sampling`, is what is asked, `chat_answers` what is answered; `completions`, `embeddings` and
`models` are both at once; `errors` is the shape of what went wrong. The files that begin with
`engine` are the other way round; `transformers` and `stops` are for the one engine that needs more
care.
"""
