"""The page on OpenAI's API shows the table that the wire goes by."""

from pathlib import Path

from _llamagate.wires.openai.completions import MAX_PROMPTS
from _llamagate.wires.openai.embeddings import MAX_INPUTS
from _llamagate.wires.openai.parameters import CHAT, render_table

PAGE = (Path(__file__).parents[2] / "docs" / "openai.md").read_text("utf-8")


def test_the_table_of_parameters_is_current() -> None:
    assert render_table() in PAGE, "rewrite it with: python -m scripts.manual"


def test_every_treatment_is_explained() -> None:
    for treatment in {parameter.treatment for parameter in CHAT}:
        assert f"- *{treatment}*:" in PAGE


def test_the_bounds_are_those_of_the_wire() -> None:
    assert f"up to {MAX_PROMPTS} of them" in PAGE
    assert f"up to {MAX_INPUTS:,})" in PAGE
