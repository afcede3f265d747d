"""The list of models, and one of them."""

from collections.abc import Sequence
from typing import Any

import orjson

from _llamagate.exchange import Model


def render_models(models: Sequence[Model]) -> bytes:
    return orjson.dumps(
        {"object": "list", "data": [render_model(model, model.name) for model in models]}
    )


def render_model(model: Model, asked: str) -> dict[str, Any]:
    """`asked`: the name as the client spelt it, which is the id it will look for."""
    namespace, slash, _ = model.name.rpartition("/")
    return {
        "id": asked,
        "object": "model",
        "created": int(model.modified),
        "owned_by": namespace if slash else "library",
    }
