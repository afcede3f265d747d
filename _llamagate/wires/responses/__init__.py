"""OpenAI's Responses wire. There is only the client half.

`request` is what a client asks for, of `items` (the conversation) and `tools`; `reply` and
`stream` write the answer, plain and streamed, the latter of `open_items`; `listing` shows what was
kept. Keeping is not done here: what is needed of earlier responses comes in as a `Memory`.
"""
