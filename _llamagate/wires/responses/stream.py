"""An answer as the events a client of the Responses API reads.

An item is open until one of another kind begins, and every event has the next number. What a
delta of the open item begins with is encoded once, when the item opens.
"""

import orjson

from _llamagate.errors import EngineGarbled, GatewayError
from _llamagate.exchange import (
    Event,
    Fields,
    Finish,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Waiting,
)
from _llamagate.ids import CallIds
from _llamagate.wires.frames import sse
from _llamagate.wires.responses.open_items import (
    OpenCall,
    OpenItem,
    OpenMessage,
    OpenReasoning,
)
from _llamagate.wires.responses.reply import INCOMPLETE, Response, render_logprobs
from _llamagate.wires.responses.request import AskedResponse

_AFTER = b',"sequence_number":%d}\n\n'
_AFTER_TEXT = b',"logprobs":[]' + _AFTER


class ResponseStream:
    """Events to server-sent events, a batch at a time. `response` is what there is to keep: the
    whole of it, once the answer has ended, and None where it failed."""

    def __init__(self, model: str, asked: AskedResponse) -> None:
        self.response: Fields | None = None
        self._answer = Response(model, asked)
        self._sealed = asked.seal_thinking
        self._namespaced = asked.namespaced
        self._number = 0  # of the next event
        self._output: list[Fields] = []  # items that are closed
        self._open: OpenItem | None = None
        self._writes_text = False
        self._before = self._after = b""  # around a delta of the open item
        self._ids = CallIds()

    def feed(self, events: list[Event]) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            if type(event) is Text and self._writes_text and not event.logprobs:
                self._delta(event.text, pieces)
            elif not isinstance(event, Waiting):
                self._rich(event, pieces)
        return b"".join(pieces)

    def end(self) -> bytes:
        return b""

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        pieces: list[bytes] = []
        self._begin(pieces)
        output = list(self._output)
        if self._open:
            output.append(self._open.item("incomplete"))
        self._event("response.failed", {"response": self._answer.failed(output, error)}, pieces)
        return b"".join(pieces)

    def _rich(
        self, event: Text | Thinking | ToolCall | ToolArguments | Finish, pieces: list[bytes]
    ) -> None:
        self._begin(pieces)
        match event:
            case Text():
                self._text(event, pieces)
            case Thinking():
                self._thinking(event, pieces)
            case ToolCall():
                self._close(pieces)
                id = self._ids.next(event.id)
                name = self._namespaced.get(event.name, {"name": event.name})
                self._start(OpenCall(len(self._output), name, id), pieces)
                self._delta(event.arguments, pieces)
            case ToolArguments():
                if not isinstance(self._open, OpenCall):
                    raise EngineGarbled("The engine sent arguments of a call that is over.")
                self._delta(event.text, pieces)
            case Finish():
                self._finish(event, pieces)

    def _begin(self, pieces: list[bytes]) -> None:
        if not self._number:
            running = self._answer.running()
            self._event("response.created", {"response": running}, pieces)
            self._event("response.in_progress", {"response": running}, pieces)

    def _text(self, event: Text, pieces: list[bytes]) -> None:
        if not event.text and not event.logprobs:
            return
        if not isinstance(self._open, OpenMessage):
            self._close(pieces)
            self._start(OpenMessage(len(self._output)), pieces)
        if not event.logprobs:
            self._delta(event.text, pieces)
        elif isinstance(self._open, OpenMessage):
            logprobs = render_logprobs(event.logprobs)
            self._open.said.append(event.text)
            self._open.logprobs += logprobs
            delta = {"delta": event.text, "logprobs": logprobs}
            self._event(self._open.delta, self._open.place | delta, pieces)

    def _thinking(self, event: Thinking, pieces: list[bytes]) -> None:
        if event.text and not isinstance(self._open, OpenReasoning):
            self._close(pieces)
            self._start(OpenReasoning(len(self._output), sealed=self._sealed), pieces)
        self._delta(event.text, pieces)

    def _finish(self, finish: Finish, pieces: list[bytes]) -> None:
        cut = finish.reason in INCOMPLETE
        self._close(pieces, "incomplete" if cut else "completed")
        if not any(item["type"] in ("message", "function_call") for item in self._output):
            self._start(OpenMessage(len(self._output)), pieces)
            self._close(pieces, "incomplete" if cut else "completed")
        self.response = self._answer.ended(self._output, finish)
        kind = "response.incomplete" if cut else "response.completed"
        self._event(kind, {"response": self.response}, pieces)

    def _start(self, item: OpenItem, pieces: list[bytes]) -> None:
        self._open = item
        self._writes_text = isinstance(item, OpenMessage)
        for kind, fields in item.opening():
            self._event(kind, fields, pieces)
        head = orjson.dumps({"type": item.delta, **item.place})
        self._before = b"event: %b\ndata: %b" % (item.delta.encode(), head[:-1] + b',"delta":')
        self._after = _AFTER_TEXT if self._writes_text else _AFTER

    def _close(self, pieces: list[bytes], status: str = "completed") -> None:
        if self._open:
            for kind, fields in self._open.closing(status):
                self._event(kind, fields, pieces)
            self._output.append(self._open.item(status))
            self._open = None
            self._writes_text = False

    def _delta(self, text: str, pieces: list[bytes]) -> None:
        if text and self._open:
            self._open.said.append(text)
            pieces += (self._before, orjson.dumps(text), self._after % self._number)
            self._number += 1

    def _event(self, kind: str, fields: Fields, pieces: list[bytes]) -> None:
        found = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        pieces.append(sse(orjson.dumps(found), kind))
