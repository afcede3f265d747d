"""A chat as an OpenAI client asks for it. How the answer is written stands in `chat_answers`."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, Fields, Message, Tool, ToolUse
from _llamagate.wires.body import check, said, unknown_keys
from _llamagate.wires.openai import parts
from _llamagate.wires.openai.parameters import ACCEPTED, CHAT_NAMES, PASSED_ON, REFUSED
from _llamagate.wires.openai.sampling import Sampling, sampling, think

MAX_CHOICES = 16

_Name = Annotated[str, Meta(min_length=1)]


class AskedChat(Struct, frozen=True):
    """What the client asked, and how it wants the answer."""

    chat: Chat
    n: int
    include_usage: bool
    legacy: bool  # it used `functions`; its answer has a `function_call`
    person: str


class _Function(Struct):
    name: _Name
    description: str | None = None
    parameters: Fields | None = None
    strict: bool | None = None


class _Tool(Struct):
    function: _Function
    type: Literal["function"] = "function"


class _CalledFunction(Struct):
    name: _Name
    arguments: str = ""


class _Call(Struct):
    function: _CalledFunction
    id: str | None = None
    type: Literal["function"] | None = "function"


class _Message(Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[parts.Part] | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    function_call: _CalledFunction | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _StreamOptions(Struct):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _JsonSchema(Struct):
    name: str | None = None
    schema: Fields | None = None
    strict: bool | None = None
    description: str | None = None


class _ResponseFormat(Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _Body(Sampling, kw_only=True):
    messages: list[_Message]
    tools: list[_Tool] | None = None
    tool_choice: str | Fields | None = None
    parallel_tool_calls: bool | None = None
    functions: list[_Function] | None = None
    function_call: str | Fields | None = None
    response_format: _ResponseFormat | None = None
    stream_options: _StreamOptions | None = None
    modalities: list[str] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    n: int | None = None
    logit_bias: dict[str, float] | None = None


def parse_chat(body: dict[str, Any]) -> AskedChat:
    body = said(body, ("messages", "model"))
    asked = check(body, _Body)
    extra = unknown_keys(body, CHAT_NAMES)
    _refuse(body, asked)
    tools, choice = _tools(asked)
    legacy = bool(asked.functions and not asked.tools)  # whose answers have room for one call
    hints: Fields = {}
    for name in PASSED_ON & body.keys():
        (hints if name in ACCEPTED else extra)[name] = body[name]
    chat = Chat(
        messages=_messages(asked.messages),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=asked.parallel_tool_calls is not False and not legacy,
        format=_format(asked.response_format),
        think=think(asked),
        logprobs=bool(asked.logprobs),
        top_logprobs=asked.top_logprobs or 0,
        wire="openai",
        extra=extra,
        hints=hints,
        **sampling(asked),
    )
    return AskedChat(
        chat=chat,
        n=asked.n or 1,
        include_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        legacy=legacy,
        person=asked.user or "",
    )


def _refuse(body: dict[str, Any], asked: _Body) -> None:
    for name in REFUSED.keys() & body.keys():
        raise InvalidRequest(f"'{name}' is not supported: {REFUSED[name]}.", param=name)
    if not asked.messages:
        raise InvalidRequest("'messages' must hold at least one message.", param="messages")
    if asked.modalities and asked.modalities != ["text"]:
        raise InvalidRequest("'modalities' can only be [\"text\"].", param="modalities")
    if asked.n is not None and not 1 <= asked.n <= MAX_CHOICES:
        raise InvalidRequest(f"'n' must be between 1 and {MAX_CHOICES}.", param="n")
    if asked.top_logprobs is not None and not 0 <= asked.top_logprobs <= 20:
        raise InvalidRequest("'top_logprobs' must be between 0 and 20.", param="top_logprobs")
    if asked.top_logprobs and not asked.logprobs:
        raise InvalidRequest("'top_logprobs' needs 'logprobs': true.", param="top_logprobs")
    if asked.stream_options and asked.stream_options.include_usage and not asked.stream:
        raise InvalidRequest("'stream_options' needs 'stream': true.", param="stream_options")


def _messages(messages: list[_Message]) -> tuple[Message, ...]:
    names: dict[str, str] = {}
    found = []
    for index, message in enumerate(messages):
        found.append(_message(message, f"messages[{index}]", names))
    return tuple(found)


def _message(message: _Message, path: str, names: dict[str, str]) -> Message:
    """`names` remembers which function each call id meant, for the results that follow."""
    if message.content is None and message.role != "assistant":
        raise InvalidRequest(
            f"'{path}.content' must be a string or a list of parts.", param=f"{path}.content"
        )
    if isinstance(message.content, str):
        content: parts.Content = message.content
    else:
        content = parts.parse_parts(message.content or [], f"{path}.content")
    if message.role == "user" and message.name is None:
        return Message("user", content)
    calls = message.tool_calls or []
    uses = [ToolUse(call.function.name, call.function.arguments, call.id or "") for call in calls]
    if message.function_call:
        uses.append(ToolUse(message.function_call.name, message.function_call.arguments))
    for at, use in enumerate(uses):
        parts.check_arguments(use.arguments, f"{path}.tool_calls[{at}].function.arguments")
        names[use.id] = use.name
    is_result = message.role in ("tool", "function")
    call_id = message.tool_call_id or ""
    if message.role == "tool" and not call_id:
        raise InvalidRequest(
            f"'{path}.tool_call_id' is required on a tool's result.", param=f"{path}.tool_call_id"
        )
    return Message(
        role="tool" if is_result else message.role,
        content=content,
        thinking=message.reasoning_content or message.reasoning or "",
        tool_calls=tuple(uses),
        tool_call_id=call_id,
        tool_name=(names.get(call_id) or message.name or "") if is_result else "",
        extra={"name": message.name} if message.name and not is_result else {},
    )


def _tools(asked: _Body) -> tuple[tuple[Tool, ...], str]:
    if not (asked.tools or asked.functions or asked.tool_choice or asked.function_call):
        return (), "auto"
    functions = [tool.function for tool in asked.tools or []] + (asked.functions or [])
    tools = tuple(
        Tool(f.name, f.description or "", f.parameters or {}, bool(f.strict)) for f in functions
    )
    name = "tool_choice" if asked.tool_choice is not None else "function_call"
    choice = asked.tool_choice if asked.tool_choice is not None else asked.function_call
    tools, found = _choice(choice, tools, name)
    if found not in ("auto", "none") and not tools:
        raise InvalidRequest(f"'{name}' asks for a call, but no tools are given.", param=name)
    if found.startswith("=") and found[1:] not in {tool.name for tool in tools}:
        raise InvalidRequest(f"'{name}' names {found[1:]!r}, which is not in 'tools'.", param=name)
    return tools, found


def _choice(
    choice: str | Fields | None, tools: tuple[Tool, ...], param: str
) -> tuple[tuple[Tool, ...], str]:
    match choice:
        case None | "auto":
            return tools, "auto"
        case "none" | "required":
            return tools, str(choice)
        case {"type": "function", "function": {"name": str(name)}} | {"name": str(name)}:
            return tools, f"={name}"
        case {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(allowed)},
        }:
            names = {_allowed_name(tool) for tool in allowed}
            return tuple(tool for tool in tools if tool.name in names), mode
    raise InvalidRequest(
        f'\'{param}\' must be "auto", "none", "required" or name one function.', param=param
    )


def _allowed_name(tool: object) -> str:
    match tool:
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return name
    raise InvalidRequest("'tool_choice.allowed_tools' must name functions.", param="tool_choice")


def _format(asked: _ResponseFormat | None) -> str | Fields | None:
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return "json"
    if asked.json_schema is None:
        raise InvalidRequest(
            "'response_format.json_schema' is required for this type.",
            param="response_format.json_schema",
        )
    return asked.json_schema.schema or {"type": "object"}
