"""The items that a response answers, a page at a time, and what is left of a deleted one."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields
from _llamagate.wires.body import page_size

_PAGE = 20
_LONGEST_PAGE = 100


class Page(Struct, frozen=True):
    limit: int = _PAGE
    after: str = ""
    newest_first: bool = True


def parse_page(query: Mapping[str, str]) -> Page:
    limit = page_size(query, _PAGE, _LONGEST_PAGE)
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise InvalidRequest('\'order\' must be "asc" or "desc".', param="order")
    return Page(limit, query.get("after", ""), order == "desc")


def render_items(items: Sequence[Fields], page: Page) -> Fields:
    ordered = list(reversed(items)) if page.newest_first else list(items)
    ids = [str(item["id"]) for item in ordered]
    if page.after and page.after not in ids:
        raise InvalidRequest(
            f"'after' names {page.after!r}, which is not among the items.", param="after"
        )
    start = ids.index(page.after) + 1 if page.after else 0
    shown = ordered[start : start + page.limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": start + len(shown) < len(ordered),
    }


def render_deleted(id: str) -> Fields:
    return {"id": id, "object": "response", "deleted": True}
