"""Tells systemd how the gateway is: ready, reloading, stopping, alive. Silent when nobody asked.

Who asks is in NOTIFY_SOCKET and WATCHDOG_USEC; cli reads them and hands them in.
The protocol: https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import asyncio
import logging
import socket
import time

_log = logging.getLogger("llamagate.notify")


class Notify:
    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        """`address` is NOTIFY_SOCKET; `watchdog` the seconds of silence that get us killed."""
        # A leading @ stands for the NUL byte of Linux's abstract sockets.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._watchdog = watchdog

    def ready(self) -> None:
        self._say("READY=1")

    def reloading(self) -> None:
        """To be followed by ready()."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    async def beat(self) -> None:
        """Signs of life, twice as often as asked for; they stop when the event loop hangs."""
        while self._address and self._watchdog:
            self._say("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)

    def _say(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)  # systemd that does not listen must not hold up the gateway
                out.sendto(state.encode(), self._address)
        except OSError as exc:
            _log.warning("notify_failed", extra={"state": state, "error": str(exc)})
