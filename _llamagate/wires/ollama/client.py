"""What clients of Ollama's wire ask: bodies of /api/chat, /api/generate, /api/embed and their kin.

Nothing is lost on the way to an engine of the same wire: what has no name in `exchange` rides in
`extra`. Messages and tools are read by `client_messages`; how the answer is written stands in
`client_answers`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, Completion, Embed, Fields
from _llamagate.wires.body import check
from _llamagate.wires.ollama.client_messages import (
    MessageIn,
    ToolIn,
    parse_images,
    parse_messages,
    parse_tools,
)
from _llamagate.wires.ollama.keys import unknown_fields

_LARGE = 2**63 - 1
# Ollama takes a fraction and cuts it off.
_Whole: TypeAlias = (
    Annotated[int, Meta(ge=-_LARGE, le=_LARGE)] | Annotated[float, Meta(ge=-9e18, le=9e18)] | None
)
_PASSED = ("template", "context", "truncate", "shift")
_PASSED_EMBEDDINGS = ("input", "dimensions", "truncate")


class _Options(Struct):
    temperature: float | None = None
    top_p: float | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    top_k: _Whole = None
    seed: _Whole = None
    num_ctx: _Whole = None
    num_predict: _Whole = None
    stop: list[str] | None = None


class _Generation(Struct, kw_only=True):
    model: str | None = None
    stream: bool | None = None
    format: Literal["json", ""] | Fields | None = None
    keep_alive: int | float | str | None = None
    options: _Options | None = None
    think: bool | Literal["low", "medium", "high", "max"] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


class _Chat(_Generation, kw_only=True):
    messages: list[MessageIn] | None = None
    tools: list[ToolIn] | None = None


class _Generate(_Generation, kw_only=True):
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    images: list[str] | None = None
    raw: bool | None = None


class _Embed(Struct):
    model: str | None = None
    input: str | list[str] | None = None
    dimensions: int | None = None
    truncate: bool | None = None
    keep_alive: int | float | str | None = None
    options: _Options | None = None


class _Embeddings(Struct):
    model: str | None = None
    prompt: str | None = None
    keep_alive: int | float | str | None = None
    options: _Options | None = None


class _Show(Struct):
    model: str | None = None
    name: str | None = None  # what `model` was called once
    verbose: bool | None = None
    system: str | None = None
    options: Fields | None = None


def parse_chat(body: dict[str, Any]) -> Chat:
    asked = check(body, _Chat)
    return Chat(
        messages=parse_messages(asked.messages, body.get("messages")),
        tools=parse_tools(asked.tools, body.get("tools")),
        extra=unknown_fields(body, _Chat, _PASSED),
        **_generation(asked, body),
    )


def parse_generate(body: dict[str, Any]) -> Completion:
    asked = check(body, _Generate)
    return Completion(
        prompt=asked.prompt or "",
        suffix=asked.suffix or "",
        system=asked.system,
        images=parse_images(asked.images, "images"),
        raw=bool(asked.raw),
        extra=unknown_fields(body, _Generate, _PASSED),
        **_generation(asked, body),
    )


def parse_embed(body: dict[str, Any]) -> Embed:
    asked = check(body, _Embed)
    texts = (asked.input,) if isinstance(asked.input, str) else tuple(asked.input or ())
    return Embed(
        model=asked.model or "",
        inputs=() if asked.input == "" else texts,  # no text is the wish to load the model
        dimensions=asked.dimensions,
        truncate=asked.truncate,
        keep_alive=asked.keep_alive,
        options=_said(body),
        wire="ollama",
        extra=unknown_fields(body, _Embed),
    )


def parse_embeddings(body: dict[str, Any]) -> Embed:
    """The older way to ask for one vector, which refuses a text that is too long."""
    asked = check(body, _Embeddings)
    unknown = unknown_fields(body, _Embeddings, _PASSED_EMBEDDINGS)
    return Embed(
        model=asked.model or "",
        inputs=(asked.prompt,) if asked.prompt else (),
        truncate=False,
        keep_alive=asked.keep_alive,
        options=_said(body),
        wire="ollama",
        extra={name: unknown[name] for name in unknown if name not in _PASSED_EMBEDDINGS},
    )


def parse_show(body: dict[str, Any]) -> tuple[str, Fields]:
    """The model's name, and what else was asked about it."""
    asked = check(body, _Show)
    unknown_fields(body, _Show)
    name = asked.model or asked.name
    if not name:
        raise InvalidRequest('Name the model to show: {"model": "NAME"}.', param="model")
    return name, {key: value for key, value in body.items() if key not in ("model", "name")}


def _generation(asked: _Generation, body: dict[str, Any]) -> dict[str, Any]:
    options = asked.options or _Options()
    unnamed = unknown_fields(body.get("options") or {}, _Options, path="options.")
    return {
        "model": asked.model or "",
        "stream": asked.stream is not False,
        "max_tokens": _whole(options.num_predict),
        "temperature": options.temperature,
        "top_p": options.top_p,
        "top_k": _whole(options.top_k),
        "min_p": options.min_p,
        "seed": _whole(options.seed),
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
        "repeat_penalty": options.repeat_penalty,
        "stop": tuple(options.stop or ()),
        "think": asked.think,
        "format": None if asked.format == "" else asked.format,
        "logprobs": bool(asked.logprobs),
        "top_logprobs": asked.top_logprobs or 0,
        "num_ctx": _whole(options.num_ctx),
        "keep_alive": asked.keep_alive,
        "options": {name: value for name, value in unnamed.items() if value is not None},
        "wire": "ollama",
    }


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _said(body: Mapping[str, Any]) -> Fields:
    """The options of an embedding, which nothing here looks into."""
    options: Fields = body.get("options") or {}
    unknown_fields(options, _Options, path="options.")
    return {name: value for name, value in options.items() if value is not None}
