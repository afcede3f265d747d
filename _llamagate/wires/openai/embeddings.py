"""Embeddings: what was asked, and the vectors as numbers or as base64."""

import base64
import struct
from typing import Annotated, Any, Literal

import orjson
from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Embed, Embedded, Fields
from _llamagate.wires.body import check, said, unknown_keys
from _llamagate.wires.openai.parts import Texts, parse_texts

MAX_INPUTS = 2048


class AskedEmbeddings(Struct, frozen=True):
    embed: Embed
    base64: bool
    person: str


class _Body(Struct):
    model: str | None = None
    input: Texts = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    keep_alive: float | str | None = None
    options: Fields | None = None
    truncate: bool | None = None


def parse_embeddings(body: dict[str, Any]) -> AskedEmbeddings:
    body = said(body, ("input", "model"))
    asked = check(body, _Body)
    extra = unknown_keys(body, _Body.__struct_fields__)
    texts = parse_texts(asked.input, "input", MAX_INPUTS)
    if not all(texts):
        raise InvalidRequest("'input' holds an empty text.", param="input")
    embed = Embed(
        model=asked.model or "",
        inputs=texts,
        dimensions=asked.dimensions,
        truncate=asked.truncate,
        keep_alive=asked.keep_alive,
        options=asked.options or {},
        wire="openai",
        extra=extra,
    )
    return AskedEmbeddings(embed, asked.encoding_format == "base64", asked.user or "")


def render_embeddings(asked: AskedEmbeddings, embedded: Embedded, model: str) -> bytes:
    answer = {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if asked.base64 else vector,
            }
            for index, vector in enumerate(embedded.vectors)
        ],
        "model": asked.embed.model or model,
        "usage": {
            "prompt_tokens": embedded.usage.prompt,
            "total_tokens": embedded.usage.prompt,
        },
    }
    return orjson.dumps(answer)


def _base64(vector: list[float]) -> str:
    """Little-endian 32-bit floats, which is what the SDKs unpack."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
