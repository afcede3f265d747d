"""What every request passes through, outermost first. The order stands here and nowhere else."""

import asyncio
from collections.abc import Callable, Sequence

from aiohttp.typedefs import Middleware

from _llamagate.accounts import Accounts
from _llamagate.call import Routes
from _llamagate.limits import Limits
from _llamagate.log import Log
from _llamagate.metrics import Metrics
from _llamagate.middlewares.access_log import access_log
from _llamagate.middlewares.auth import auth
from _llamagate.middlewares.cors import Cors, cors
from _llamagate.middlewares.errors import errors
from _llamagate.middlewares.rate_limit import rate_limit
from _llamagate.middlewares.request_id import request_id


def build_middlewares(
    *,
    routes: Routes,
    accounts: Accounts,
    limits: Limits,
    address: Callable[[str, str | None], str],
    browsers: Cors,
    log: Log,
    metrics: Metrics,
    running: set["asyncio.Task[object]"],
) -> Sequence[Middleware]:
    return (
        request_id(address),
        access_log(routes, log, metrics, running),
        errors(routes),
        cors(browsers),
        auth(routes, accounts),
        rate_limit(routes, limits),
    )
