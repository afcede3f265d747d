"""The functions a client offers, how to choose among them, and the form of the text."""

from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields, Tool


class ToolIn(Struct):
    type: str
    name: str | None = None
    description: str | None = None
    parameters: Fields | None = None
    strict: bool | None = None
    tools: list["ToolIn"] | None = None  # of a namespace


def parse_tools(tools: list[ToolIn]) -> tuple[Tool, ...]:
    """The functions; those of a namespace have its name before theirs."""
    found: list[Tool] = []
    for index, tool in enumerate(tools):
        path = f"tools[{index}]"
        if tool.type == "namespace" and tool.name:
            found += (
                _tool(inner, f"{path}.tools[{at}]", tool.name)
                for at, inner in enumerate(tool.tools or [])
            )
        else:
            found.append(_tool(tool, path))
    return tuple(found)


def full_name(name: str, namespace: str | None) -> str:
    """What the model sees. Engines know no namespaces, and many no dots in names."""
    return f"{namespace}__{name}" if namespace else name


def namespaced(tools: list[ToolIn]) -> dict[str, Fields]:
    """The names of functions in namespaces, as a client knows them, by what the model sees."""
    return {
        full_name(inner.name or "", tool.name): {"name": inner.name, "namespace": tool.name}
        for tool in tools
        if tool.type == "namespace"
        for inner in tool.tools or []
    }


def parse_choice(
    choice: str | Fields | None, tools: tuple[Tool, ...]
) -> tuple[tuple[Tool, ...], str]:
    """The tools that may be called, and how to choose among them."""
    tools, found = _choice(choice, tools)
    if found not in ("auto", "none") and not tools:
        raise InvalidRequest(
            "'tool_choice' asks for a call, but no tools are given.", param="tool_choice"
        )
    return tools, found


def parse_format(format: Fields | None) -> str | Fields | None:
    match format:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return "json"
        case {"type": "json_schema", "name": str(), "schema": dict(schema)}:
            return schema
        case {"type": "json_schema", "name": str()}:
            raise InvalidRequest(
                "'text.format.schema' must be a JSON schema.", param="text.format.schema"
            )
        case {"type": "json_schema"}:
            raise InvalidRequest(
                "Missing required parameter: 'text.format.name'.", param="text.format.name"
            )
    raise InvalidRequest(
        '\'text.format.type\' must be "text", "json_object" or "json_schema".',
        param="text.format.type",
    )


def _tool(asked: ToolIn, path: str, namespace: str | None = None) -> Tool:
    if asked.type != "function":
        raise InvalidRequest(
            f"'{path}' is of type {asked.type!r}, which needs OpenAI's own cloud or models. "
            "Only tools of type 'function' can be used here.",
            param=f"{path}.type",
        )
    if not asked.name:
        raise InvalidRequest(f"Missing required parameter: '{path}.name'.", param=f"{path}.name")
    return Tool(
        full_name(asked.name, namespace),
        asked.description or "",
        asked.parameters or {},
        asked.strict is not False,
    )


def _choice(choice: str | Fields | None, tools: tuple[Tool, ...]) -> tuple[tuple[Tool, ...], str]:
    match choice:
        case None:
            return tools, "auto"
        case "auto" | "none" | "required":
            return tools, str(choice)
        case {"type": "function", "name": str(name)}:
            _check_offered(name, tools, "tool_choice.name")
            return tools, f"={name}"
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(allowed)}:
            names = [_allowed(tool, index, tools) for index, tool in enumerate(allowed)]
            return tuple(tool for tool in tools if tool.name in names), str(mode)
    raise InvalidRequest(
        '\'tool_choice\' must be "auto", "none", "required", a function, or allowed_tools with '
        'a mode of "auto" or "required".',
        param="tool_choice",
    )


def _allowed(tool: object, index: int, tools: tuple[Tool, ...]) -> str:
    path = f"tool_choice.tools[{index}]"
    match tool:
        case {"type": "function", "name": str(name)}:
            _check_offered(name, tools, f"{path}.name")
            return name
    raise InvalidRequest(f"'{path}' must name a function.", param=path)


def _check_offered(name: str, tools: tuple[Tool, ...], param: str) -> None:
    if name not in {tool.name for tool in tools}:
        raise InvalidRequest(f"'{param}' is {name!r}, which is not in 'tools'.", param=param)
