"""Listening, signals and stopping: a `Gateway` from its first socket to its last answer.

Stopping goes in stages: no new connections, then the running answers get SHUTDOWN_TIMEOUT, then
what still runs is told so in its own dialect and ended. A second signal ends at once.
"""

import asyncio
import errno
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

from _llamagate.app import Gateway
from _llamagate.background import spawn
from _llamagate.call import STOPPING
from _llamagate.config import Config, ConfigError
from _llamagate.listener import Listener
from _llamagate.log import Log, configure_logging
from _llamagate.notify import Notify
from _llamagate.started import Started
from _llamagate.tls import Certificate

_log = logging.getLogger("llamagate.serve")
_GARBAGE = (10_000, 10, 10)  # hardly any is cyclic, and looking for it cost 5 % of a request
_GRACE = 2.0  # seconds for ending what did not end by itself


class Server:
    """A gateway with its listeners. Open while used as an async context manager."""

    def __init__(self, config: Config, log: Log) -> None:
        self.config = config
        self.addresses: list[tuple[str, str]] = []  # surface and URL, the gateway's own first
        self._log = log
        self._listeners: list[Listener] = []
        self._certificate: Certificate | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        config = self.config
        async with AsyncExitStack() as stack:
            self.gateway = await stack.enter_async_context(Gateway(config, self._log))
            if config.tls_cert_file and config.tls_key_file:
                self._certificate = Certificate(config.tls_cert_file, config.tls_key_file)
                watching = spawn(self._certificate.watch(), "watch the certificate")
                stack.callback(watching.cancel)
            stack.push_async_callback(self._close_listeners)
            await self._listen("llamagate", config.port, None)
            for name, port in config.surface_ports:
                await self._listen(name, port, name)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def drain(self) -> bool:
        """Let running answers end. Whether all of them did so by themselves."""
        self.gateway.draining = True
        for listener in self._listeners:
            listener.stop_accepting()
        running = self.gateway.running
        await asyncio.sleep(0)  # what has been read already begins to run
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.shutdown_timeout):
                while running:
                    await asyncio.wait(set(running))
        left = set(running)
        for task in left:
            task.cancel(STOPPING)
        if left:
            _log.warning("ended_unfinished", extra={"requests": len(left)})
            await asyncio.wait(left, timeout=_GRACE)
        return not left

    def reload(self, config: Config) -> None:
        """Take over what can change while running, and name what cannot."""
        if self._certificate:
            self._certificate.reread()
        self._log.reopen(config.log_file)
        restart = self.gateway.reload(config)
        self.config = config
        _log.info("reloaded", extra={"needs_restart": restart})

    async def _listen(self, surface: str, port: int, only: str | None) -> None:
        gateway, host = self.gateway, self.config.host
        named = gateway.surfaces.named(only) if only else None
        tls = self._certificate.context if self._certificate else None
        listener = Listener(*gateway.make_doors(named), tls)
        self._listeners.append(listener)
        try:
            await listener.open(host, port)
        except OSError as error:
            taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
            setting = "SURFACE_PORTS" if only else "PORT" if taken else "HOST"
            raise ConfigError(
                [f"{setting}: cannot listen on {host} port {port}: {_reason(error)}."]
            ) from error
        scheme = "https" if tls else "http"
        shown = f"[{host}]" if ":" in host else host
        self.addresses.append((surface, f"{scheme}://{shown}:{listener.port}"))

    async def _close_listeners(self) -> None:
        for listener in self._listeners:
            await listener.close()


def serve(
    config: Config,
    announce: Callable[[Started], None],
    load: Callable[[], Config],
    notify: Notify,
) -> int:
    """Until a signal; the exit status. `load` reads the settings again for SIGHUP."""
    log = _log_of(config)
    configure_logging(log, config.debug)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(config, log, announce, load, notify))
    finally:
        log.close()


def _reason(error: OSError) -> str:
    """In the system's words: asyncio's own repeat the address."""
    if error.errno and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return error.strerror or str(error)


def _log_of(config: Config) -> Log:
    try:
        return Log(sys.stdout.buffer if sys.stdout else None, config.log_file)
    except OSError as error:
        raise ConfigError(
            [f"LOG_FILE: {config.log_file} cannot be written: {_reason(error)}."]
        ) from error


async def _serve(
    config: Config,
    log: Log,
    announce: Callable[[Started], None],
    load: Callable[[], Config],
    notify: Notify,
) -> int:
    log.start()
    signals = Signals()
    async with Server(config, log) as server:
        beating = spawn(notify.beat(), "watchdog")
        announce(await _started(server))
        notify.ready()
        gc.collect()
        gc.freeze()  # what is here now stays; no need to look at it again and again
        gc.set_threshold(*_GARBAGE)
        # A loop keeps a list of all generators, to close at its end those that nobody closed. Ours
        # are closed by whoever reads them, and the list costs more than reading from one.
        sys.set_asyncgen_hooks(firstiter=None)
        while (name := await signals.next()) == "SIGHUP":
            notify.reloading()
            _reload(server, load)
            notify.ready()
        _log.info("stopping", extra={"signal": name})
        notify.stopping()
        clean = await _first(server.drain(), signals.next())
        beating.cancel()
    return 0 if clean else 1


def _reload(server: Server, load: Callable[[], Config]) -> None:
    try:
        server.reload(load())
    except ConfigError as error:
        _log.error("reload_refused", extra={"problems": error.problems})
    except OSError as error:  # the log file's
        _log.error("reload_refused", extra={"problems": [f"{type(error).__name__}: {error}"]})


async def _first(drained: Coroutine[Any, Any, bool], signalled: Coroutine[Any, Any, str]) -> bool:
    """Whether draining ended cleanly; a second signal is no clean end."""
    drain = spawn(drained, "drain")
    second = spawn(signalled, "second signal")
    await asyncio.wait((drain, second), return_when=asyncio.FIRST_COMPLETED)
    second.cancel()
    if drain.done():
        return drain.result()
    drain.cancel()
    return False


async def _started(server: Server) -> Started:
    gateway = server.gateway
    await gateway.pool.refresh()
    up = gateway.pool.up()
    return Started(
        addresses=tuple(server.addresses),
        auth=gateway.accounts.required,
        made_key=gateway.made_key,
        engines_up=tuple(name for name, is_up in up.items() if is_up),
        engines_down=tuple(name for name, is_up in up.items() if not is_up),
        model=gateway.pool.default_model() if gateway.pool.healthy else "",
    )


class Signals:
    """Signals as they come, in order."""

    def __init__(self) -> None:
        self._come: asyncio.Queue[str] = asyncio.Queue(16)
        loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is None:
                continue
            try:
                loop.add_signal_handler(number, self._put, name)
            except NotImplementedError:  # Windows
                signal.signal(
                    number, lambda *_, name=name: loop.call_soon_threadsafe(self._put, name)
                )

    async def next(self) -> str:
        return await self._come.get()

    def _put(self, name: str) -> None:
        if not self._come.full():
            self._come.put_nowait(name)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows has none
        return None
    return uvloop.new_event_loop
