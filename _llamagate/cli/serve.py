"""`llamagate`: runs the gateway, and greets whoever started it."""

import os
import sys
from collections.abc import Callable

from _llamagate.cli.banner import banner
from _llamagate.cli.surroundings import default_shell, in_container, may_show_a_key
from _llamagate.config import Config
from _llamagate.notify import Notify
from _llamagate.started import Started


def serve(load: Callable[[], Config]) -> int:
    config = load()
    for warning in config.warnings:
        print(f"llamagate: {warning}", file=sys.stderr)
    from _llamagate.serve import serve  # brings aiohttp, which wrong settings need not wait for

    def announce(started: Started) -> None:
        lines = banner(
            started,
            config,
            show_key=may_show_a_key(),
            shell=default_shell(),
            container=in_container(),
        )
        # Standard output belongs to the log.
        print("\n".join(lines), file=sys.stderr, flush=True)

    return serve(config, announce, load, _notify())


def _notify() -> Notify:
    """systemd tells its children whether it wants to hear from them."""
    watchdog = os.environ.get("WATCHDOG_USEC", "")
    return Notify(
        os.environ.get("NOTIFY_SOCKET", ""), int(watchdog) / 1e6 if watchdog.isdigit() else 0.0
    )
