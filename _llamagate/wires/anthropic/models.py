"""The list of models as Anthropic pages it, and one model of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Model
from _llamagate.wires.body import page_size

_PAGE = 20
_LONGEST_PAGE = 1000


class Page(Struct, frozen=True):
    """Which part of the list a client wants."""

    limit: int = _PAGE
    after: str = ""
    before: str = ""


def parse_page(query: Mapping[str, str]) -> Page:
    limit = page_size(query, _PAGE, _LONGEST_PAGE)
    page = Page(limit, query.get("after_id", ""), query.get("before_id", ""))
    if page.after and page.before:
        raise InvalidRequest("'after_id' and 'before_id' exclude each other.", param="before_id")
    return page


def render_models(models: Sequence[Model], page: Page) -> dict[str, Any]:
    shown, more = _cut(models, page)
    return {
        "data": [render_model(model) for model in shown],
        "first_id": shown[0].name if shown else None,
        "last_id": shown[-1].name if shown else None,
        "has_more": more,
    }


def render_model(model: Model) -> dict[str, Any]:
    created = datetime.fromtimestamp(int(model.modified), UTC).isoformat()
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": created.replace("+00:00", "Z"),
        "lifecycle": "active",
        "max_input_tokens": model.context_length or None,
        "max_tokens": model.context_length or None,
    }


def _cut(models: Sequence[Model], page: Page) -> tuple[Sequence[Model], bool]:
    """The page, and whether more follows in its direction."""
    if page.before:
        end = _place(models, page.before, "before_id")
        start = max(end - page.limit, 0)
        return models[start:end], start > 0
    start = _place(models, page.after, "after_id") + 1 if page.after else 0
    end = start + page.limit
    return models[start:end], end < len(models)


def _place(models: Sequence[Model], name: str, param: str) -> int:
    for place, model in enumerate(models):
        if model.name == name:
            return place
    raise InvalidRequest(f"'{param}' names {name!r}, which is not in the list.", param=param)
