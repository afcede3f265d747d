"""An answer as the events an Anthropic client reads.

A block is open until one of another kind begins. What a delta of the open block begins with is
encoded once, when the block opens; a piece of text costs one small encoding.
"""

from typing import Any

import orjson

from _llamagate.errors import EngineGarbled, GatewayError
from _llamagate.exchange import (
    Event,
    Finish,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Usage,
    Waiting,
)
from _llamagate.wires.anthropic.errors import render_error
from _llamagate.wires.anthropic.reply import SIGNATURE, message, render_usage, stop
from _llamagate.wires.anthropic.tool_ids import ClientIds
from _llamagate.wires.frames import sse

PING = sse(b'{"type":"ping"}', "ping")
_MESSAGE_STOP = sse(b'{"type":"message_stop"}', "message_stop")
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":%b'
)
_DELTAS = {
    "text": b'"text_delta","text":',
    "thinking": b'"thinking_delta","thinking":',
    "tool_use": b'"input_json_delta","partial_json":',
}
_AFTER = b"}}\n\n"


class MessageStream:
    """Events to server-sent events, a batch at a time. `prompt_tokens` is the estimate that goes
    out first; the true count follows at the end."""

    def __init__(self, model: str, *, prompt_tokens: int = 0, show_thinking: bool = True) -> None:
        self._model = model
        self._prompt_tokens = prompt_tokens
        self._show_thinking = show_thinking
        self._begun = False
        self._index = -1
        self._open = ""  # the kind of the open block
        self._before = b""  # a delta of the open block
        self._ids = ClientIds()

    def feed(self, events: list[Event]) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            if type(event) is Text and self._open == "text":
                if event.text:
                    pieces += (self._before, orjson.dumps(event.text), _AFTER)
            elif not isinstance(event, Waiting):
                self._rich(event, pieces)
        return b"".join(pieces)

    def end(self) -> bytes:
        return _MESSAGE_STOP

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        """The block that is open stays open: nothing says that the answer was whole."""
        return sse(orjson.dumps(render_error(error, request_id)), "error")

    def _rich(
        self, event: Text | Thinking | ToolCall | ToolArguments | Finish, pieces: list[bytes]
    ) -> None:
        if not self._begun:
            self._begin(pieces)
        match event:
            case Text():
                if event.text:
                    self._enter("text", {"type": "text", "text": ""}, pieces)
                    self._delta(event.text, pieces)
            case Thinking():
                if event.text:
                    block = {"type": "thinking", "thinking": "", "signature": ""}
                    self._enter("thinking", block, pieces)
                    self._delta(event.text if self._show_thinking else "", pieces)
            case ToolCall():
                self._call(event, pieces)
            case ToolArguments():
                if self._open != "tool_use":
                    raise EngineGarbled("The engine sent arguments of a call that is over.")
                self._delta(event.text, pieces)
            case Finish():
                self._finish(event, pieces)

    def _begin(self, pieces: list[bytes]) -> None:
        self._begun = True
        usage = render_usage(Usage(self._prompt_tokens))
        start = message(self._model, []) | {"usage": usage}
        pieces.append(_event("message_start", {"message": start}))

    def _call(self, call: ToolCall, pieces: list[bytes]) -> None:
        id = self._ids.next(call.id)
        self._open_block(
            "tool_use", {"type": "tool_use", "id": id, "name": call.name, "input": {}}, pieces
        )
        self._delta(call.arguments, pieces)

    def _finish(self, finish: Finish, pieces: list[bytes]) -> None:
        self._close_block(pieces)
        delta = stop(finish, self._ids.any)
        pieces.append(
            _event("message_delta", {"delta": delta, "usage": render_usage(finish.usage)})
        )

    def _enter(self, kind: str, block: dict[str, Any], pieces: list[bytes]) -> None:
        if self._open != kind:
            self._open_block(kind, block, pieces)

    def _open_block(self, kind: str, block: dict[str, Any], pieces: list[bytes]) -> None:
        self._close_block(pieces)
        self._open = kind
        self._index += 1
        self._before = _DELTA % (self._index, _DELTAS[kind])
        start = {"index": self._index, "content_block": block}
        pieces.append(_event("content_block_start", start))

    def _close_block(self, pieces: list[bytes]) -> None:
        if not self._open:
            return
        if self._open == "thinking":
            signed = {"type": "signature_delta", "signature": SIGNATURE}
            pieces.append(_event("content_block_delta", {"index": self._index, "delta": signed}))
        pieces.append(_event("content_block_stop", {"index": self._index}))
        self._open = ""

    def _delta(self, text: str, pieces: list[bytes]) -> None:
        if text:
            pieces += (self._before, orjson.dumps(text), _AFTER)


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return sse(orjson.dumps({"type": kind} | fields), kind)
