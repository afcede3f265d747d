"""Which engine: the best first, by where a model is and how busy it is there; and where all are
busy, whichever has a turn first."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice
from math import log
from zlib import crc32

from _llamagate.engines.pool import Candidate
from _llamagate.exchange import Call, Chat, Completion
from _llamagate.queue import Load, Queue, Turn

_OPENING = 2048  # characters by which a conversation is known


def sticky(request: Chat | Completion) -> int:
    """A number for the beginning of a conversation: what stays the same while it goes on."""
    if isinstance(request, Completion):
        return crc32(request.prompt[:_OPENING].encode(errors="surrogatepass"))
    found = 0
    for message in islice(request.messages, 4):
        found = crc32(message.text[:_OPENING].encode(errors="surrogatepass"), found)
        if message.role == "user":
            break
    return found


def order(candidates: list[Candidate], queue: Queue, sticky: int = 0) -> list[Candidate]:
    """Resident and free, then free, then by the wait to expect. `sticky` stands for the beginning
    of a conversation, whose prompt cache one engine has: it decides where those come out even."""
    if len(candidates) < 2:
        return candidates
    return sorted(
        candidates, key=lambda candidate: _rank(candidate, queue.load(candidate.key), sticky)
    )


def enter(queue: Queue, candidates: Sequence[Candidate], call: Call) -> Turn:
    """A turn at the first of these that is free, or to wait for at all of them."""
    if len(candidates) == 1:
        return queue.enter(candidates[0].key, call.caller, call.person)
    return queue.enter_any([one.key for one in candidates], call.caller, call.person)


def granted(turn: Turn, candidates: Sequence[Candidate]) -> Candidate:
    """The one where the turn came."""
    if len(candidates) == 1:
        return candidates[0]
    return next(one for one in candidates if one.key == turn.key)


def _rank(candidate: Candidate, load: Load, sticky: int) -> tuple[int, float, float]:
    weight = candidate.engine.settings.weight
    free = load.running < load.slots
    if free and candidate.trial:
        group = 0  # an engine that failed is tried with one request, which may still go elsewhere
    elif free:
        group = 1 if candidate.resident else 2
    else:
        group = 3
    wait = 0.0 if free else load.expected_ms / weight
    share = (load.running + load.waiting) / weight
    if sticky:
        return group, wait, -_pull(candidate.engine.settings.name, sticky) * weight
    return group, wait, share


def _pull(engine: str, sticky: int) -> float:
    """Rendezvous hashing: how much this conversation is drawn to that engine. One engine more or
    less moves only the conversations that must move."""
    digest = blake2b(engine.encode(), key=sticky.to_bytes(8, "big"), digest_size=8).digest()
    return -1 / log((int.from_bytes(digest, "big") + 1) / (2**64 + 1))
