"""Writes what follows from tables in the code, for `python -m scripts.manual`: .env.example,
docs/configuration.md, and the parameters in docs/openai.md. Tests hold all three to the tables."""

import re
from pathlib import Path

from _llamagate.config.manual import configuration_page, env_example
from _llamagate.wires.openai.parameters import render_table

ROOT = Path(__file__).resolve().parent.parent
_TABLE = re.compile(r"^\| parameter \| treatment \|.*\n(?:\|.*\n)+", re.MULTILINE)


def main() -> None:
    (ROOT / ".env.example").write_text(env_example(), "utf-8")
    (ROOT / "docs" / "configuration.md").write_text(configuration_page(), "utf-8")
    page = ROOT / "docs" / "openai.md"
    page.write_text(_TABLE.sub(lambda _: render_table(), page.read_text("utf-8"), 1), "utf-8")


if __name__ == "__main__":
    main()
