"""The map and the page on how it is built name what is there, and leave nothing out."""

import ast
import re
from pathlib import Path

import pytest

import _llamagate

PACKAGE = Path(_llamagate.__file__).parent
ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_every_file_that_the_page_names_is_there() -> None:
    named = re.findall(r"`([\w/]+(?:\.py|/))`", PAGE)
    assert len(named) > 20
    assert [name for name in named if not any((at / name).exists() for at in (ROOT, PACKAGE))] == []


# Rooms whose docstring lists their files; those of `cli` have the names of their commands.
ROOMS = [
    init.parent
    for init in PACKAGE.rglob("__init__.py")
    if init.parent != PACKAGE and "cli" not in init.parts and init.parent.name != "beside"
]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(PACKAGE).as_posix())
def test_every_file_stands_in_what_its_room_says_of_itself(room: Path) -> None:
    doc = ast.get_docstring(ast.parse((room / "__init__.py").read_text("utf-8"))) or ""
    told = re.findall(r"\w+", doc)
    # "The files that begin with `client`" tells of client_answers.py too.
    begun = re.findall(r"begin\s+with\s+`(\w+)`", doc)
    files = {file.stem for file in room.glob("*.py")} - {"__init__", *told}
    assert {name for name in files if not name.startswith(tuple(begun))} == set()


def test_every_room_stands_in_the_map() -> None:
    rooms = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    told = set(re.findall(r"\b[a-z]+\b", _llamagate.__doc__ or ""))
    assert rooms - told == set()
