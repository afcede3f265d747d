"""The languages clients speak: routes and handlers. A handler parses, calls one use case, renders.

    openai, responses
                  OpenAI's API
    anthropic     Anthropic's
    ollama        Ollama's own; `ollama_admin` is what changes an engine's models
    egollama, aigateway
                  those of two earlier gateways
    llamagate     what the gateway says of itself: health and gauges
    discovery     what stands at / for people and programs
    base          reading bodies, answering in JSON
    outgoing      writing streams

Which of them stands at which prefix or port says `surfaces`.
"""
