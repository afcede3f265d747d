"""The tools a client offers, and how the model should choose among them."""

import orjson
from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields, Tool


class ToolIn(Struct):
    name: str | None = None
    description: str | None = None
    input_schema: Fields | None = None
    type: str | None = None
    strict: bool | None = None
    input_examples: list[Fields] | None = None


class _Auto(Struct, tag_field="type", tag="auto"):
    disable_parallel_tool_use: bool | None = None


class _Required(Struct, tag_field="type", tag="any"):
    disable_parallel_tool_use: bool | None = None


class _Named(Struct, tag_field="type", tag="tool"):
    name: str
    disable_parallel_tool_use: bool | None = None


class _Never(Struct, tag_field="type", tag="none"):
    pass


Choice = _Auto | _Required | _Named | _Never


def parse_tools(tools: list[ToolIn]) -> tuple[Tool, ...]:
    found: dict[str, Tool] = {}
    for index, asked in enumerate(tools):
        tool = _tool(asked, f"tools[{index}]")
        if tool.name in found:
            raise InvalidRequest(
                f"'tools' has two tools named {tool.name!r}.", param=f"tools[{index}].name"
            )
        found[tool.name] = tool
    return tuple(found.values())


def parse_choice(choice: Choice | None, tools: tuple[Tool, ...]) -> tuple[str, bool]:
    """How to choose, and whether several calls at once are welcome."""
    match choice:
        case None:
            return "auto", True
        case _Never():
            return "none", True
        case _Auto():
            return "auto", not choice.disable_parallel_tool_use
    if not tools:
        raise InvalidRequest(
            "'tool_choice' asks for a call, but no tools are given.", param="tool_choice"
        )
    parallel = not choice.disable_parallel_tool_use
    if isinstance(choice, _Required):
        return "required", parallel
    if choice.name not in {tool.name for tool in tools}:
        raise InvalidRequest(
            f"'tool_choice' names {choice.name!r}, which is not in 'tools'.",
            param="tool_choice.name",
        )
    return f"={choice.name}", parallel


def _tool(asked: ToolIn, path: str) -> Tool:
    if asked.type not in (None, "custom"):
        raise InvalidRequest(
            f"'{path}' is {asked.type!r}, a tool that only Anthropic's own servers and models "
            "know. Tools here are of type 'custom', with a name and an input_schema.",
            param=f"{path}.type",
        )
    if not asked.name:
        raise InvalidRequest(f"Missing required parameter: '{path}.name'.", param=f"{path}.name")
    if asked.input_schema is None:
        raise InvalidRequest(
            f"Missing required parameter: '{path}.input_schema'.", param=f"{path}.input_schema"
        )
    description = asked.description or ""
    if asked.input_examples:
        examples = "\n".join(orjson.dumps(e).decode() for e in asked.input_examples)
        description = f"{description}\nExamples of input:\n{examples}".lstrip()
    return Tool(asked.name, description, asked.input_schema, bool(asked.strict))
