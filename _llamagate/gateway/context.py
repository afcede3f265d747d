"""Did a prompt fill its model's context window? Ollama cuts what does not fit, and does not say so.

Two things tell: the prompt has as many tokens as the window, or far fewer than its text must have,
because the oldest messages or half of a long one were dropped.
"""

from math import inf

from _llamagate.engines.pool import Candidate, Pool
from _llamagate.errors import EngineError
from _llamagate.exchange import Chat, Completion
from _llamagate.models import canonical

_CHARACTERS = 6  # a token, at most, on average over a prompt that fills a window
_SMALLEST = 2048  # tokens of a window that nobody has asked for


def may_fill_context(
    pool: Pool, candidate: Candidate, request: Chat | Completion, tokens: int
) -> bool:
    """As far as is known, which may be older than the model's last load. `tokens` is how many the
    engine counted."""
    known = pool.context_length(candidate) or _SMALLEST
    return _likely(request, tokens) >= min(known, request.num_ctx or inf)


async def fills_context(candidate: Candidate, request: Chat | Completion, tokens: int) -> bool:
    """The engine is asked for the window."""
    return 0 < await _window(candidate) <= _likely(request, tokens)


def _likely(request: Chat | Completion, tokens: int) -> int:
    return max(tokens, _length(request) // _CHARACTERS)


def _length(request: Chat | Completion) -> int:
    if isinstance(request, Completion):
        return len(request.prompt)
    return sum([len(message.text) for message in request.messages])


async def _window(candidate: Candidate) -> int:
    try:
        loaded = await candidate.engine.resident()
    except EngineError:
        return 0
    lengths = (one.context_length for one in loaded if canonical(one.name) == candidate.name)
    return next(lengths, 0)
