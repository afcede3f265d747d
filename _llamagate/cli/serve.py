"""`llamagate`: runs the gateway, and greets whoever started it."""

import sys
from collections.abc import Callable

from _llamagate.cli.banner import banner
from _llamagate.cli.surroundings import default_shell, in_container, may_show_a_key, notify
from _llamagate.config import Config
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

    return serve(config, announce, load, notify())
