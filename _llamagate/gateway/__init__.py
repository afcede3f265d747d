"""The use cases. Here a request finds its engine.

    cases      all of them, for those who build what stands in front
    generate   chats and completions: name, cache, engine, turn, fail-over until the first event
    attempt    one engine asked for one answer, and what is noted of how it went
    answers    answers given before, and `flight`: one run for identical requests
    embed, count, load
               embeddings, prompts counted, models into memory and out of it
    models, show, version
               what there is
    relay      what has no neutral form, passed on to an Ollama engine
    resolve    from a name to the engines that may be asked, and to the next one
    choose     which of them is best now
    context    whether a prompt filled what its model can read
    hops       the end of a loop of gateways

Nothing here knows a client, its headers or a socket; an engine's wire is known to `relay` and
`show` only, which pass on what is Ollama's own.
"""
