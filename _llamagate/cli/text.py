"""Tables and amounts for people.

Names come from clients and engines, and a terminal obeys what it is shown: what cannot be printed
plainly is not printed.
"""

from collections.abc import Collection, Sequence
from unicodedata import combining, east_asian_width

_LONGEST = 72  # columns of one cell


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()
) -> list[str]:
    """Columns as wide as they must be; those whose heads are in `right` are numbers."""
    cells = [list(head), *([plain(cell) or "-" for cell in row] for row in rows)]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            _padded(cell, width, name in right)
            for cell, width, name in zip(row, widths, head, strict=True)
        ).rstrip()
        for row in cells
    ]


def plain(text: str, longest: int = _LONGEST) -> str:
    """On one line, of one length, and without what moves a cursor."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    if columns(shown) <= longest:
        return shown
    while columns(shown) > longest - 3:
        shown = shown[:-1]
    return f"{shown}..."


def columns(text: str) -> int:
    """How many a terminal gives it."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def size(count: float) -> str:
    """Of bytes, as the makers of disks and Ollama count them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def span(seconds: float) -> str:
    """A time of waiting or running, as exactly as anybody wants to know it."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def _padded(cell: str, width: int, right: bool) -> str:
    gap = " " * (width - columns(cell))
    return gap + cell if right else cell + gap
