"""A chat's answer as an OpenAI client reads it: one object, or server-sent events.

The parts of a chunk that never change within a stream are encoded once, when it begins; a piece
of text costs one small encoding and two concatenations.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from _llamagate.errors import GatewayError
from _llamagate.exchange import (
    Event,
    Finish,
    Logprob,
    Reply,
    Text,
    Thinking,
    ToolArguments,
    ToolCall,
    Usage,
    Waiting,
)
from _llamagate.ids import CallIds, new_id
from _llamagate.wires.frames import one_line
from _llamagate.wires.openai.errors import render_error

DONE = b"data: [DONE]\n\n"
# What ends a choice, in OpenAI's words.
_REASONS = {"stop_sequence": "stop", "load": "stop", "unload": "stop"}


def render_reply(model: str, replies: Sequence[Reply], *, legacy: bool = False) -> bytes:
    answer: dict[str, Any] = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [_choice(reply, legacy) for reply in replies],
        "usage": render_usage(total([reply.finish.usage for reply in replies])),
    }
    first = replies[0].finish if replies else None
    if first and first.wire == "openai":
        answer |= first.extra
    return orjson.dumps(answer)


def _choice(reply: Reply, legacy: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.thinking:
        message["reasoning_content"] = message["reasoning"] = reply.thinking
    if reply.tool_calls:
        message["content"] = reply.text or None
        ids = CallIds()
        calls = [
            {
                "id": ids.next(call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
            for call in reply.tool_calls
        ]
        if legacy:
            message["function_call"] = calls[0]["function"]
        else:
            message["tool_calls"] = calls
    return {
        "index": reply.choice,
        "message": message,
        "logprobs": {"content": _logprobs(reply.logprobs), "refusal": None}
        if reply.logprobs
        else None,
        "finish_reason": finish_reason(reply.finish.reason, legacy=legacy),
    }


class ChatStream:
    """Events to server-sent chunks, a batch at a time; with `lines`, to bare lines of JSON."""

    def __init__(
        self,
        model: str,
        *,
        include_usage: bool = False,
        legacy: bool = False,
        lines: bool = False,
    ) -> None:
        self._lines = lines
        before, after = (b"", b"\n") if lines else (b"data: ", b"\n\n")
        self._legacy = legacy
        self._include_usage = include_usage
        self._usage: list[Usage] = []
        self._begun: set[int] = set()
        self._calls: dict[int, int] = {}  # choice -> calls so far
        self._ids = CallIds()
        fixed = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }
        self._head = before + orjson.dumps(fixed)[:-1] + b',"choices":['
        self._tail = (b'],"usage":null}' if include_usage else b"]}") + after
        # A delta of plain text for choice 0, which is nearly every chunk there is.
        self._before_text = self._head + b'{"index":0,"delta":{"content":'
        self._after_text = b'},"logprobs":null,"finish_reason":null}' + self._tail

    def feed(self, events: list[Event]) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            if type(event) is Text and not (event.choice or event.logprobs) and 0 in self._begun:
                if event.text:
                    pieces += (self._before_text, orjson.dumps(event.text), self._after_text)
            elif not isinstance(event, Waiting):
                self._rich(event, pieces)
        return one_line(b"".join(pieces)) if self._lines else b"".join(pieces)

    def end(self) -> bytes:
        done = b"" if self._lines else DONE
        if not self._include_usage:
            return done
        usage = orjson.dumps(render_usage(total(self._usage)))
        return self._head + b'],"usage":' + usage + (b"}\n" if self._lines else b"}\n\n") + done

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        """An error where the answer should go on; a client that waits for [DONE] never sees it."""
        body = orjson.dumps(render_error(error, request_id))
        return one_line(body) + b"\n" if self._lines else b"data: " + body + b"\n\n"

    def _rich(
        self, event: Text | Thinking | ToolCall | ToolArguments | Finish, pieces: list[bytes]
    ) -> None:
        choice = event.choice
        if choice not in self._begun:
            self._begun.add(choice)
            self._chunk(pieces, choice, {"role": "assistant", "content": ""})
        match event:
            case Text():
                logprobs = _logprobs(event.logprobs) if event.logprobs else None
                if event.text or logprobs:
                    self._chunk(pieces, choice, {"content": event.text}, logprobs=logprobs)
            case Thinking():
                both = {"reasoning_content": event.text, "reasoning": event.text}
                self._chunk(pieces, choice, both)
            case ToolCall():
                self._chunk(pieces, choice, self._call(event))
            case ToolArguments():
                self._chunk(pieces, choice, self._arguments(event))
            case Finish():
                self._usage.append(event.usage)
                self._chunk(
                    pieces, choice, {}, finish=finish_reason(event.reason, legacy=self._legacy)
                )

    def _call(self, event: ToolCall) -> dict[str, Any]:
        index = self._calls.get(event.choice, 0)
        self._calls[event.choice] = index + 1
        function = {"name": event.name, "arguments": event.arguments}
        if self._legacy:
            return {"function_call": function}
        call = {"index": index, "id": self._ids.next(event.id), "type": "function"}
        return {"tool_calls": [{**call, "function": function}]}

    def _arguments(self, event: ToolArguments) -> dict[str, Any]:
        function = {"arguments": event.text}
        if self._legacy:
            return {"function_call": function}
        return {"tool_calls": [{"index": self._calls[event.choice] - 1, "function": function}]}

    def _chunk(
        self,
        pieces: list[bytes],
        choice: int,
        delta: dict[str, Any],
        *,
        logprobs: list[dict[str, Any]] | None = None,
        finish: str | None = None,
    ) -> None:
        found = {
            "index": choice,
            "delta": delta,
            "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
            "finish_reason": finish,
        }
        pieces += (self._head, orjson.dumps(found), self._tail)


def render_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def total(usages: Sequence[Usage]) -> Usage:
    """Of several choices: the prompt was read for each, but it is one prompt."""
    if len(usages) == 1:
        return usages[0]
    prompt = completion = cached = reasoning = 0
    for usage in usages:
        prompt = max(prompt, usage.prompt)
        cached = max(cached, usage.cached)
        completion += usage.completion
        reasoning += usage.reasoning
    return Usage(prompt, completion, cached, reasoning)


def finish_reason(reason: str, *, legacy: bool = False) -> str:
    if legacy and reason == "tool_calls":
        return "function_call"
    return _REASONS.get(reason, reason)


def _logprobs(entries: Iterable[Logprob]) -> list[dict[str, Any]]:
    return [
        {
            "token": entry.token,
            "logprob": entry.logprob,
            "bytes": entry.bytes,
            "top_logprobs": [
                {"token": top.token, "logprob": top.logprob, "bytes": top.bytes}
                for top in entry.top
            ],
        }
        for entry in entries
    ]
