"""What every request passes through. The order stands in `passage` and in `app`, nowhere else.

    passage       all of it, in order
    request_id    the id, and the Call it begins
    access_log    the clock, the line, the count
    errors        whatever goes wrong below becomes an answer
    cors, auth, rate_limit
                  steps: each looks at the request and raises, or lets it pass
    headers       what every answer says beside its own
    web           the same for aiohttp: one middleware, and one hook

The steps wait for nothing, so they are plain functions: a coroutine for each would cost more than
what most of them do.
"""
