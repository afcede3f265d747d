"""The parameters that chat and text completions share: how to sample, and when to stop."""

from operator import attrgetter
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields

_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
_Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
_THINK: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}


class _Reasoning(Struct):
    effort: _Effort | None = None


class Sampling(Struct, kw_only=True):
    model: str | None = None
    stream: bool | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    repeat_penalty: Annotated[float, Meta(ge=0)] | None = None
    repetition_penalty: Annotated[float, Meta(ge=0)] | None = None
    stop: str | list[str] | None = None
    reasoning_effort: _Effort | None = None
    reasoning: _Reasoning | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = None
    num_ctx: _Count | None = None
    keep_alive: float | str | None = None
    options: Fields | None = None


# What goes by the same name on, and as it is.
_AS_IT_IS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repeat_penalty",
    "num_ctx",
    "keep_alive",
    "options",
)
_as_they_are = attrgetter(*_AS_IT_IS)


def sampling(asked: Sampling) -> dict[str, Any]:
    """The fields of a Generation that come from here, as far as they were asked for."""
    found: dict[str, Any] = {"model": asked.model or "", "stream": bool(asked.stream)}
    for name, value in zip(_AS_IT_IS, _as_they_are(asked), strict=True):
        if value is not None:
            found[name] = value
    if most := asked.max_completion_tokens or asked.max_tokens:
        found["max_tokens"] = most
    if asked.repetition_penalty is not None:
        found.setdefault("repeat_penalty", asked.repetition_penalty)
    if asked.stop:
        found["stop"] = _stop(asked.stop)
    return found


def _stop(asked: str | list[str]) -> tuple[str, ...]:
    stop = (asked,) if isinstance(asked, str) else tuple(asked)
    if len(stop) > 64:
        raise InvalidRequest("'stop' can hold at most 64 strings.", param="stop")
    return tuple(text for text in stop if text)


def think(asked: Sampling) -> bool | str | None:
    if asked.think is not None:
        return asked.think
    effort = asked.reasoning_effort or (asked.reasoning.effort if asked.reasoning else None)
    return _THINK[effort] if effort else None
