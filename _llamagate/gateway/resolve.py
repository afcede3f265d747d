"""From the name that a client wrote to the engines that may be asked, and to the next one when an
engine failed."""

import logging

from _llamagate.engines.pool import Candidate, Pool, Spent
from _llamagate.errors import EngineError
from _llamagate.exchange import Call, Caller
from _llamagate.models import Names, Resolved

_log = logging.getLogger("llamagate.gateway")


def resolve(names: Names, pool: Pool, asked: str, call: Call) -> Resolved:
    resolved = names.resolve(asked or default_model(names, pool, call.caller), call.caller)
    call.model = resolved.names[0]
    return resolved


def default_model(names: Names, pool: Pool, caller: Caller) -> str:
    """For who names none: the configured one, else one that is there and that they may use."""
    return names.default_model or pool.default_model(lambda name: names.usable(name, caller))


async def find(pool: Pool, resolved: Resolved) -> list[Candidate]:
    """Those that can serve it. Where none is known to, the engines are asked anew."""
    names = resolved.names
    return pool.candidates(names) or await pool.find(names, resolved.spelled, resolved.asked)


def others(
    pool: Pool, resolved: Resolved, tried: set[Spent], error: EngineError, call: Call
) -> list[Candidate]:
    """Those to ask instead of what was `tried`. Raises the error where there is none,
    or where another would say the same."""
    found = pool.candidates(resolved.names, without=tried) if error.retry else []
    if not found:
        raise error
    facts = {"request_id": call.id, "from": call.engine, "error": error.code}
    _log.warning("failed_over", extra=facts)
    return found
