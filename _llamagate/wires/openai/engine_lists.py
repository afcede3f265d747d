"""An OpenAI-compatible engine's vectors and its list of models."""

from typing import TypeVar

import orjson
from msgspec import DecodeError, Struct, ValidationError, convert
from msgspec.json import decode

from _llamagate.errors import EngineGarbled
from _llamagate.exchange import Embedded, Fields, Model
from _llamagate.wires.openai.engine_answers import WireUsage, usage_of

_KNOWN = ("object", "data", "model", "usage")

T = TypeVar("T")


class _Vector(Struct):
    embedding: list[float]
    index: int = 0


class _Vectors(Struct):
    data: list[_Vector]
    usage: WireUsage | None = None


class _Meta(Struct):
    n_ctx: int | None = None
    n_ctx_train: int | None = None
    size: int | None = None


class _Entry(Struct):
    id: str
    created: float | None = None
    max_model_len: int | None = None  # vLLM, SGLang
    max_context_length: int | None = None  # LM Studio
    context_length: int | None = None  # hosted ones
    meta: _Meta | None = None  # llama-server


class _Entries(Struct):
    data: list[Fields] | None


def parse_embed(body: bytes) -> Embedded:
    found = _decode(body, _Vectors, "embeddings")
    vectors = [entry.embedding for entry in sorted(found.data, key=lambda entry: entry.index)]
    extra = {name: value for name, value in orjson.loads(body).items() if name not in _KNOWN}
    return Embedded(vectors, usage_of(found.usage), extra, "openai")


def parse_models(body: bytes, engine: str) -> list[Model]:
    found = _decode(body, _Entries, "a list of models")
    return [_model(entry, engine) for entry in found.data or ()]


def _model(entry: Fields, engine: str) -> Model:
    try:
        found = convert(entry, _Entry)
    except ValidationError as error:
        raise EngineGarbled(f"The engine lists a model that is none: {error}.") from error
    meta = found.meta or _Meta()
    length = found.max_model_len or found.max_context_length or found.context_length or meta.n_ctx
    return Model(
        name=found.id,
        engine=engine,
        kind="openai",
        modified=found.created or 0.0,
        size=meta.size or 0,
        context_length=length or meta.n_ctx_train or 0,
        entry=entry,
    )


def _decode(body: bytes, shape: type[T], what: str) -> T:
    try:
        return decode(body, type=shape)
    except DecodeError as error:
        raise EngineGarbled(
            f"The engine answered with something else than {what}: {error}."
        ) from error
