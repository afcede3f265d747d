"""Pages of the items that a response answers."""

import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields
from _llamagate.wires.responses.listing import parse_page, render_items

ITEMS: list[Fields] = [{"id": f"i{number}"} for number in range(5)]


def page(**query: str) -> tuple[list[str], bool]:
    found = render_items(ITEMS, parse_page(query))
    return [item["id"] for item in found["data"]], bool(found["has_more"])  # type: ignore[attr-defined]


def test_the_newest_come_first_unless_asked_otherwise() -> None:
    assert page() == (["i4", "i3", "i2", "i1", "i0"], False)
    assert page(order="asc", limit="2") == (["i0", "i1"], True)


def test_a_page_follows_the_item_it_names() -> None:
    assert page(limit="2", after="i3") == (["i2", "i1"], True)
    assert page(order="asc", after="i3") == (["i4"], False)
    assert page(order="asc", after="i4") == ([], False)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"order": "up"}, "order"),
        ({"after": "gone"}, "after"),
    ],
)
def test_a_bad_page_is_refused(query: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        page(**query)
    assert refused.value.param == param
