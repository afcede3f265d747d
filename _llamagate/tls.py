"""The certificate of our own listeners, taken up anew when its files change.

Connections that are open keep the old one; new ones get the new one, without a restart.
"""

import asyncio
import logging
import ssl
from pathlib import Path

from _llamagate.config import ConfigError

_log = logging.getLogger("llamagate.tls")
_EVERY = 10.0  # seconds between two looks at the files


class Certificate:
    def __init__(self, chain: Path, key: Path) -> None:
        """Raises ConfigError when the files cannot be used."""
        self._chain = chain
        self._key = key
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._seen = self._look()
        try:
            self.context.load_cert_chain(chain, key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                [f"TLS_CERT_FILE, TLS_KEY_FILE: they cannot be used: {error}."]
            ) from error

    def reread(self) -> None:
        """Whoever renews a certificate writes two files: between them they may not fit, and the
        old pair goes on until they do."""
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                self._chain, self._key
            )
            self.context.load_cert_chain(self._chain, self._key)
            self._seen = self._look()
            _log.info("certificate_reread")
        except (OSError, ssl.SSLError) as error:
            _log.warning("certificate_unusable", extra={"problem": str(error)})

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            if self._look() != self._seen:
                self.reread()

    def _look(self) -> tuple[float, float]:
        return (_changed(self._chain), _changed(self._key))


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
