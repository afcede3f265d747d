"""OpenAI's Responses wire. There is only the client half.

`request` is what a client asks for, of `items` (the conversation) and `tools`; `reply` and
`stream` write the answer, plain and streamed. Keeping responses is not done here: what is needed
of those kept earlier comes in as a `Memory`.
"""
