"""Server-sent events as a client reads them off a live stream."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson


async def read_events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """The events that have a name, as long as they come."""
    name = ""
    async for line in answer.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            found = orjson.loads(text.removeprefix("data: "))
            assert found["type"] == name
            yield found
