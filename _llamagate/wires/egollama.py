"""EgoLlama's own bodies: generate, models, load and unload. Its chats are OpenAI's."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, Message, Model, Reply
from _llamagate.wires.body import check, unknown_keys
from _llamagate.wires.openai.sampling import Sampling, sampling, think


class _Generate(Sampling, kw_only=True):
    prompt: str
    system: str | None = None
    user: str | None = None


class Load(Struct):
    model_id: str
    quantization_bits: Annotated[int, Meta(ge=0, le=64)] = 0


class Unload(Struct):
    model_id: str | None = None


class AskedText(Struct, frozen=True):
    chat: Chat
    ignored: tuple[str, ...]
    person: str


def parse_generate(body: dict[str, Any], max_tokens: int, temperature: float) -> AskedText:
    """A prompt is a conversation of one message: so a model's thinking stays out of its answer,
    and every kind of engine can serve it."""
    asked = check(body, _Generate)
    ignored = tuple(unknown_keys(body, _Generate.__struct_fields__))
    if not asked.prompt.strip():
        raise InvalidRequest("'prompt' must not be empty.", param="prompt")
    settings = sampling(asked)
    settings["stream"] = False
    if settings["max_tokens"] is None:
        settings["max_tokens"] = max_tokens
    if settings["temperature"] is None:
        settings["temperature"] = temperature
    system = (Message("system", asked.system),) if asked.system else ()
    messages = (*system, Message("user", asked.prompt))
    chat = Chat(messages=messages, think=think(asked), **settings)
    return AskedText(chat, ignored, asked.user or "")


def parse_load(body: dict[str, Any]) -> Load:
    asked = check(body, Load)
    if not asked.model_id.strip():
        raise InvalidRequest("'model_id' must not be empty.", param="model_id")
    return asked


def parse_unload(body: dict[str, Any]) -> str:
    return check(body, Unload).model_id or ""


def render_generated(reply: Reply, *, model: str, engine: str, seconds: float) -> bytes:
    """`seconds`: how long the engine worked on it; 0 where it did not."""
    tokens = reply.finish.usage.completion
    return orjson.dumps(
        {
            "generated_text": reply.text,
            "tokens": tokens,
            "finish_reason": reply.finish.reason,
            "timestamp": time.time(),
            "metadata": {
                "engine": engine,
                "model_name": model,
                "inference_time_ms": round(seconds * 1000),
                "tokens_per_second": round(tokens / seconds, 2) if seconds else 0.0,
            },
        }
    )


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
    details = model.entry.get("details")
    facts = details if isinstance(details, dict) else {}
    known = [
        str(facts[key])
        for key in ("family", "parameter_size", "quantization_level")
        if facts.get(key)
    ]
    return f"{model.name} - {', '.join(known)}" if known else model.name
