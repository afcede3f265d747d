"""Every room built, joined, opened and closed: from a `Config` to applications that answer.

Where they listen, and what signals do, is `serve`'s.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Self

from aiohttp import web

from _llamagate.accounts import Accounts, client_address, made_key
from _llamagate.cache import Cache
from _llamagate.call import Routes
from _llamagate.config import SETTINGS, Config, ConfigError, EngineSettings
from _llamagate.door.client import Inside
from _llamagate.engines.base import Engine
from _llamagate.engines.dial import open_client
from _llamagate.engines.http import Client
from _llamagate.engines.ollama import OllamaEngine
from _llamagate.engines.openai import OpenAIEngine
from _llamagate.engines.pool import Pool
from _llamagate.gateway.answers import Answers
from _llamagate.gateway.cases import UseCases
from _llamagate.gateway.count import CountTokens
from _llamagate.gateway.embed import EmbedTexts
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.load import LoadModels
from _llamagate.gateway.models import ListModels
from _llamagate.gateway.relay import Relay
from _llamagate.gateway.show import ShowModel
from _llamagate.gateway.version import EngineVersion
from _llamagate.ids import new_id
from _llamagate.limits import Limits
from _llamagate.log import Log
from _llamagate.metrics import Metrics
from _llamagate.middlewares.access_log import AccessLog
from _llamagate.middlewares.auth import auth
from _llamagate.middlewares.cors import Cors, cors
from _llamagate.middlewares.headers import Headers
from _llamagate.middlewares.passage import Passage
from _llamagate.middlewares.rate_limit import rate_limit
from _llamagate.middlewares.request_id import request_id
from _llamagate.middlewares.web import on_prepare, pass_through
from _llamagate.models import Names
from _llamagate.mounting import Surface, UnknownPath
from _llamagate.queue import Queue
from _llamagate.surfaces import Rooms, make_surfaces
from _llamagate.wires.estimate import Estimator

_KINDS: Mapping[str, Callable[[EngineSettings, Client], Engine]] = {
    "ollama": OllamaEngine,
    "openai": OpenAIEngine,
}
# Fields of settings that take effect at a reload; the rest need a restart.
_RELOADED = {
    "aliases",
    "health_check_timeout",
    "hf_models",
    "log_file",
    "model_backend",
    "model_name",
    "ollama_host",
    "ollama_model",
    "openai_engines",
    "slots",
    "timeout",
    "tls_cert_file",
    "tls_key_file",
}

_FIRST_LOOK = 1.0  # seconds in which engines may say what they have before the first request comes


class Gateway:
    """All rooms of one gateway. Open while used as an async context manager."""

    def __init__(self, config: Config, log: Log) -> None:
        self.config = config
        self.draining = False
        self._id = new_id("gw_")
        self.running: set[asyncio.Task[object]] = set()  # the requests being answered
        self.made_key = ""  # made on this very start
        self.log = log
        self._stack = AsyncExitStack()
        self.metrics = Metrics()
        self.accounts = Accounts.of(config)
        self._admit_a_key()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            settings = self.config.engines
            if self.config.demo:
                from _llamagate.demo import Demo  # most gateways never need it in their memory

                demo = await stack.enter_async_context(Demo())
                settings = (EngineSettings("demo", "ollama", demo.url),)
            engines = [open_engine(one, self.config) for one in settings]
            pool = Pool(engines, cloud=self.config.cloud_models)
            self.pool = await stack.enter_async_context(pool)
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_LOOK):
                    await self.pool.refresh()
            self._build()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def make_doors(self, only: Surface | None = None) -> tuple[web.Application, Inside]:
        """The gateway as an application, and as the short door has it; with `only`, that of a
        surface's own port."""
        routes = Routes(UnknownPath(self.surfaces, only))
        config = self.config
        browsers = Cors(self.accounts, config.cors_origins, _machine_names())
        headers = Headers(browsers, self.accounts)
        passage = Passage(
            request_id(partial(client_address, trusted=config.trusted_proxies), self._id),
            AccessLog(self.log, self.metrics, self.running),
            steps=(cors(browsers), auth(self.accounts), rate_limit(self._limits)),
        )
        app = web.Application(
            middlewares=[pass_through(routes, passage)], client_max_size=config.max_body
        )
        app.on_response_prepare.append(on_prepare(headers))
        self.surfaces.mount(app, routes, only)
        return app, Inside(routes.asked, passage, headers, config.max_body)

    def reload(self, config: Config) -> list[str]:
        """Take over what may change while running; the names of settings that need a restart."""
        self.names.replace(config.aliases, config.models, config.default_model, config.cloud_models)
        self.accounts.reload(config.roles, config.keys)
        self.answers.clear()
        if not config.demo:
            self.queue.replace(_slots(config))
            self.pool.replace(
                config.engines,
                partial(open_engine, config=config),
                self.queue.running,
                cloud=config.cloud_models,
            )
        restart = [
            setting.name
            for field, setting in SETTINGS.items()
            if field not in _RELOADED and getattr(config, field) != getattr(self.config, field)
        ]
        self.config = config
        return restart

    def _build(self) -> None:
        config = self.config
        self.names = Names(config.aliases, config.models, config.default_model, config.cloud_models)
        self.queue = Queue(
            slots=_slots(config), limit=config.queue_limit, timeout=config.queue_timeout
        )
        self.metrics.engines_up = self.pool.up
        self.metrics.waiting = self.queue.waiting
        self.metrics.tasks = lambda: len(asyncio.all_tasks())
        cache = Cache(config.cache_max, config.cache_ttl) if config.cache else None
        self.answers = Answers(cache, config.cache_scope == "shared", self.metrics)
        self.surfaces = make_surfaces(
            Rooms(
                config=config,
                use=self._use_cases(),
                pool=self.pool,
                names=self.names,
                queue=self.queue,
                metrics=self.metrics,
                draining=lambda: self.draining,
            )
        )
        own_limits = {row.name: row.limit for row in self.surfaces.table if row.limit}
        self._limits = Limits(config.rate_limit, config.rate_limit_set, own_limits)

    def _use_cases(self) -> UseCases:
        names, pool = self.names, self.pool
        generate = Generate(names, pool, self.queue, self.answers, self.metrics)
        embed = EmbedTexts(names, pool, self.queue, self.metrics)
        list_models = ListModels(names, pool)
        return UseCases(
            generate=generate,
            embed=embed,
            list_models=list_models,
            load=LoadModels(generate, embed, list_models, pool),
            show=ShowModel(names, pool),
            version=EngineVersion(pool),
            count=CountTokens(names, pool, Estimator()),
            relay=Relay(names, pool, self.answers),
        )

    def _admit_a_key(self) -> None:
        """A gateway that listens to the network and was given no key makes one."""
        if self.accounts.keyless:
            key, made_now = made_key(self.config.made_key_file)
            self.accounts.admit(key)
            self.made_key = key if made_now else ""
        if not self.config.loopback_only and (examples := self.accounts.example_keys()):
            raise ConfigError(
                [
                    f"The key of {name} is an example from a document that everybody knows; "
                    "set one of your own before listening wider than this machine."
                    for name in examples
                ]
            )


def open_engine(settings: EngineSettings, config: Config) -> Engine:
    if settings.kind == "transformers":
        from _llamagate.engines.transformers import open_transformers  # as above

        return open_transformers(settings, config)
    return _KINDS[settings.kind](settings, open_client(settings))


def _slots(config: Config) -> Callable[[tuple[str, str]], int | None]:
    own = {one.name: one.slots for one in config.engines if one.slots is not None}
    return lambda key: own.get(key[0], config.slots)


def _machine_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({name, name.partition(".")[0]})
