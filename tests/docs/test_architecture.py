"""The map and the page on how it is built name what is there, and leave nothing out."""

import re
from pathlib import Path

import _llamagate

PACKAGE = Path(_llamagate.__file__).parent
ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`([\w/]+(?:\.py|/))`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not any((at / name).exists() for at in (ROOT, PACKAGE))] == []


def test_every_room_stands_in_the_map() -> None:
    rooms = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    told = set(re.findall(r"\b[a-z]+\b", _llamagate.__doc__ or ""))
    assert rooms - told == set()
