"""The gateway that runs, as commands ask it: found by the settings, with an operator's key.

Whatever stands in the way is a `Failed` with a sentence for the person at the terminal.
"""

import json
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from _llamagate.cli.address import operators_key, own_url
from _llamagate.cli.ask import Answer, Answering, NoAnswer, begin, only
from _llamagate.cli.failure import Failed
from _llamagate.cli.text import plain
from _llamagate.config import Config

T = TypeVar("T")


class RunningGateway:
    def __init__(self, config: Config) -> None:
        if config.port == 0:
            raise Failed("PORT is 0, so the gateway chose its port itself: name it with --port.")
        self.url = own_url(config)
        self._key = operators_key(config)
        # Lists wait for probes; a load may also wait for its turn.
        self._soon = config.health_check_timeout + 5
        self._late = config.queue_timeout + config.timeout + 5
        self._tls = None
        if config.tls_cert_file:
            try:
                self._tls = only(config.tls_cert_file)
            except OSError as error:
                raise Failed(
                    f"TLS_CERT_FILE {config.tls_cert_file} cannot be used: {error}. It is needed "
                    "to know the gateway by."
                ) from error

    def get(self, path: str, form: type[T]) -> T:
        return self._told(self._ask("GET", path, None, self._soon), form)

    def post(self, path: str, form: type[T], **fields: object) -> T:
        return self._told(self._ask("POST", path, fields, self._late), form)

    def delete(self, path: str, **fields: object) -> None:
        self._ask("DELETE", path, fields, self._late).whole()

    def lines(self, path: str, form: type[T], **fields: object) -> Iterator[T]:
        """Of an answer that tells how far it is."""
        answering = self._ask("POST", path, fields, self._late)
        try:
            for line in answering.lines():
                if text := line.strip():  # spaces keep a quiet line alive
                    yield self._read(text, form)
        except NoAnswer as reason:
            raise Failed(f"The gateway at {self.url} broke off: {reason}.") from reason

    def _ask(
        self, method: str, path: str, fields: dict[str, object] | None, patience: float
    ) -> Answering:
        """An answer with status 200."""
        body = None if fields is None else json.dumps(fields).encode()
        url = self.url + path
        try:
            answering = begin(url, patience, key=self._key, body=body, method=method, tls=self._tls)
            if answering.status == 200:
                return answering
            raise self._refused(answering.whole())
        except NoAnswer as reason:
            raise Failed(
                f"No gateway answers at {self.url}: {reason}. Start it with `llamagate`, or say "
                "where it is with --host and --port."
            ) from reason

    def _refused(self, answer: Answer) -> Failed:
        message = _message(answer)
        if answer.status == 401:
            known = "does not take the key known here" if self._key else "asks for a key"
            return Failed(
                f"The gateway at {self.url} {known}. Set ADMIN_KEY here to what it is where the "
                f"gateway runs, or name its settings with --config. It says: {message}"
            )
        return Failed(message or f"{self.url} answers {answer.status}. Is it a LlamaGate?")

    def _told(self, answering: Answering, form: type[T]) -> T:
        try:
            return self._read(answering.whole().body, form)
        except NoAnswer as reason:
            raise Failed(f"The gateway at {self.url} broke off: {reason}.") from reason

    def _read(self, text: bytes, form: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=form)
        except msgspec.MsgspecError as error:
            raise Failed(
                f"What answers at {self.url} is no LlamaGate of this version: {error}."
            ) from error


def _message(answer: Answer) -> str:
    """Of an error in OpenAI's shape or in Ollama's."""
    error = answer.fields().get("error", "")
    return plain(str(error.get("message", "") if isinstance(error, dict) else error), 1000)
