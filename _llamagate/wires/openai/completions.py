"""Text completions: what was asked, and the answer as one object or as server-sent events."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from msgspec import Meta, Struct

from _llamagate.errors import GatewayError, InvalidRequest
from _llamagate.exchange import Completion, Event, Finish, Logprob, Reply, Text, Usage
from _llamagate.ids import new_id
from _llamagate.wires.body import check, said, unknown_keys
from _llamagate.wires.frames import sse
from _llamagate.wires.openai.chat_answers import DONE, finish_reason, render_usage
from _llamagate.wires.openai.errors import render_error
from _llamagate.wires.openai.parts import Texts, parse_texts
from _llamagate.wires.openai.sampling import Sampling, sampling, think

MAX_PROMPTS = 128
_ACCEPTED = {"user", "metadata", "store", "service_tier"}
_NAMED = {"logit_bias"}


class AskedCompletions(Struct, frozen=True):
    """One completion for each prompt and copy, and how the client wants the answer."""

    completions: tuple[Completion, ...]
    model: str
    stream: bool
    copies: int
    include_usage: bool
    echo: bool
    person: str


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Body(Sampling, kw_only=True):
    prompt: Texts = None
    suffix: str | None = None
    echo: bool | None = None
    n: Annotated[int, Meta(ge=1, le=16)] | None = None
    best_of: int | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    stream_options: _StreamOptions | None = None
    user: str | None = None


_KNOWN = frozenset(_Body.__struct_fields__) | _ACCEPTED | _NAMED


def parse_completions(body: dict[str, Any]) -> AskedCompletions:
    body = said(body, ("prompt", "model"))
    asked = check(body, _Body)
    extra = unknown_keys(body, _KNOWN)
    if asked.best_of is not None and asked.best_of != (asked.n or 1):
        raise InvalidRequest("'best_of' can only equal 'n': nothing here ranks.", param="best_of")
    extra |= {name: body[name] for name in _NAMED & body.keys()}
    common = {
        **sampling(asked),
        "suffix": asked.suffix or "",
        "think": think(asked),
        "logprobs": asked.logprobs is not None,
        "top_logprobs": asked.logprobs or 0,
        "wire": "openai",
        "extra": extra,
        "hints": {name: body[name] for name in _ACCEPTED & body.keys()},
    }
    prompts = parse_texts(asked.prompt, "prompt", MAX_PROMPTS)
    return AskedCompletions(
        completions=tuple(Completion(prompt=prompt, **common) for prompt in prompts),
        model=asked.model or "",
        stream=bool(asked.stream),
        copies=asked.n or 1,
        include_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        echo=bool(asked.echo),
        person=asked.user or "",
    )


def render_completions(asked: AskedCompletions, replies: Sequence[Reply], model: str) -> bytes:
    usage = _usage(asked, {reply.choice: reply.finish.usage for reply in replies})
    answer: dict[str, Any] = {
        "id": new_id("cmpl-"),
        "object": "text_completion",
        "created": int(time.time()),
        "model": asked.model or model,
        "choices": [
            {
                "text": _echo(asked, reply.choice) + reply.text,
                "index": reply.choice,
                "logprobs": _logprobs(reply.logprobs, len(_echo(asked, reply.choice))),
                "finish_reason": finish_reason(reply.finish.reason),
            }
            for reply in replies
        ],
        "usage": render_usage(usage),
    }
    return orjson.dumps(answer)


def _echo(asked: AskedCompletions, choice: int) -> str:
    return asked.completions[choice // asked.copies].prompt if asked.echo else ""


class CompletionStream:
    """Events to server-sent chunks."""

    def __init__(self, asked: AskedCompletions, model: str) -> None:
        self._asked = asked
        self._usages: dict[int, Usage] = {}
        self._length: dict[int, int] = {}  # choice -> characters sent
        fixed = {
            "id": new_id("cmpl-"),
            "object": "text_completion",
            "created": int(time.time()),
            "model": asked.model or model,
        }
        self._head = b"data: " + orjson.dumps(fixed)[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if asked.include_usage else b"]}\n\n"

    def feed(self, events: list[Event]) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            match event:
                case Text():
                    self._chunk(pieces, event.choice, event.text, event.logprobs)
                case Finish():
                    self._usages[event.choice] = event.usage
                    reason = finish_reason(event.reason)
                    self._chunk(pieces, event.choice, "", finish=reason)
        return b"".join(pieces)

    def end(self) -> bytes:
        if not self._asked.include_usage:
            return DONE
        usage = orjson.dumps(render_usage(_usage(self._asked, self._usages)))
        return self._head + b'],"usage":' + usage + b"}\n\n" + DONE

    def fail(self, error: GatewayError, request_id: str) -> bytes:
        return sse(orjson.dumps(render_error(error, request_id)))

    def _chunk(
        self,
        pieces: list[bytes],
        choice: int,
        text: str,
        logprobs: Sequence[Logprob] = (),
        finish: str | None = None,
    ) -> None:
        echo = "" if choice in self._length else _echo(self._asked, choice)
        before = self._length.get(choice, len(echo))
        self._length[choice] = before + len(text)
        found = {
            "text": echo + text,
            "index": choice,
            "logprobs": _logprobs(logprobs, before),
            "finish_reason": finish,
        }
        pieces += (self._head, orjson.dumps(found), self._tail)


def _usage(asked: AskedCompletions, usages: dict[int, Usage]) -> Usage:
    """Each prompt was read once for the client, however many copies answered it."""
    prompts: dict[int, int] = {}
    for choice, usage in usages.items():
        at = choice // asked.copies
        prompts[at] = max(prompts.get(at, 0), usage.prompt)
    return Usage(sum(prompts.values()), sum(usage.completion for usage in usages.values()))


def _logprobs(entries: Sequence[Logprob], at: int) -> dict[str, Any] | None:
    """`at`: how many characters stand before the first of them."""
    if not entries:
        return None
    offsets = []
    for entry in entries:
        offsets.append(at)
        at += len(entry.token)
    return {
        "tokens": [entry.token for entry in entries],
        "token_logprobs": [entry.logprob for entry in entries],
        "top_logprobs": [{top.token: top.logprob for top in entry.top} for entry in entries],
        "text_offset": offsets,
    }
