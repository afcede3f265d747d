"""EgoLlama's own bodies: generate, models, load and unload. Its chats are OpenAI's."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, Message, Model, Reply, Resident
from _llamagate.wires.body import check, said, unknown_keys
from _llamagate.wires.openai.chat_answers import finish_reason
from _llamagate.wires.openai.sampling import Sampling, sampling, think


class _Generate(Sampling, kw_only=True):
    prompt: str
    system: str | None = None
    user: str | None = None


class _Load(Struct):
    model_id: str
    quantization_bits: Annotated[int, Meta(ge=0, le=64)] = 0


class _Unload(Struct):
    model_id: str = ""


class AskedText(Struct, frozen=True):
    chat: Chat
    ignored: tuple[str, ...]
    person: str


class AskedModel(Struct, frozen=True):
    """A model to load or unload."""

    name: str  # "" where the client names none
    bits: int  # the quantization that is wanted; 0 is as it is
    ignored: tuple[str, ...]


def parse_generate(body: dict[str, Any]) -> AskedText:
    """A prompt is a conversation of one message: so a model's thinking stays out of its answer,
    and every kind of engine can serve it."""
    body = said(body, ("prompt",))
    asked = check(body, _Generate)
    if not asked.prompt.strip():
        raise InvalidRequest("'prompt' must not be empty.", param="prompt")
    ignored = tuple(unknown_keys(body, _Generate.__struct_fields__))
    settings = sampling(asked)
    if settings.pop("stream"):
        ignored += ("stream",)  # this surface answers at once
    system = (Message("system", asked.system),) if asked.system else ()
    messages = (*system, Message("user", asked.prompt))
    chat = Chat(messages=messages, think=think(asked), **settings)
    return AskedText(chat, ignored, asked.user or "")


def parse_load(body: dict[str, Any]) -> AskedModel:
    body = said(body, ("model_id",))
    asked = check(body, _Load)
    if not asked.model_id.strip():
        raise InvalidRequest("'model_id' must not be empty.", param="model_id")
    ignored = tuple(unknown_keys(body, _Load.__struct_fields__))
    return AskedModel(asked.model_id, asked.quantization_bits, ignored)


def parse_unload(body: dict[str, Any]) -> AskedModel:
    body = said(body, ())
    ignored = tuple(unknown_keys(body, _Unload.__struct_fields__))
    return AskedModel(check(body, _Unload).model_id.strip(), 0, ignored)


def render_generated(reply: Reply, *, model: str, engine: str, seconds: float) -> bytes:
    """`seconds`: how long the engine worked on it."""
    tokens = reply.finish.usage.completion
    milliseconds = max(1, round(seconds * 1000))
    return orjson.dumps(
        {
            "generated_text": reply.text,
            "tokens": tokens,
            "finish_reason": finish_reason(reply.finish.reason),
            "timestamp": time.time(),
            "metadata": {
                "engine": engine,
                "model_name": model,
                "inference_time_ms": milliseconds,
                "tokens_per_second": round(tokens * 1000 / milliseconds, 2),
            },
        }
    )


def render_loaded(name: str, resident: Resident | None) -> bytes:
    """`method` is the document's own word, unless the engine says that it uses no GPU."""
    on_cpu = resident is not None and resident.size > 0 and not resident.size_vram
    method = "cpu_module" if on_cpu else "gpu_module"
    told = {"success": True, "model_id": name, "status": "loaded", "method": method}
    return orjson.dumps(told)


def render_unloaded(name: str, *, freed: bool) -> bytes:
    status = "unloaded" if freed else "not_loaded"
    return orjson.dumps({"success": True, "model_id": name or None, "status": status})


def render_models(models: Sequence[Model], contexts: Sequence[int]) -> bytes:
    rows = [
        {
            "id": model.name,
            "name": model.name,
            "type": model.kind,
            "description": _describe(model),
            "context_size": context,
            "enabled": True,
        }
        for model, context in zip(models, contexts, strict=True)
    ]
    return orjson.dumps({"models": rows, "total": len(rows)})


def _describe(model: Model) -> str:
    known = list(filter(None, (model.family, model.parameters, model.quantization)))
    return f"{model.name} - {', '.join(known)}" if known else model.name
