"""A conversation as an Anthropic client asks for it. How the answer is written stands in `reply`
and `stream`."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, Fields, Message
from _llamagate.wires.anthropic.blocks import Block, Reading, TextBlock, joined_text
from _llamagate.wires.anthropic.tools import Choice, ToolIn, parse_choice, parse_tools
from _llamagate.wires.body import check, unknown_keys
from _llamagate.wires.openai.sampling import Sampling, sampling
from _llamagate.wires.openai.sampling import think as asked_think

# They say how Anthropic should bill, route and cache; the answer is the same without them.
_HINTS = frozenset(
    {"cache_control", "service_tier", "speed", "inference_geo", "diagnostics", "betas"}
    | {"user_profile_id", "workspace_id", "anthropic_version", "anthropic_beta"}
)


class AskedMessages(Struct, frozen=True):
    """What the client asked, and how it wants the answer."""

    chat: Chat
    person: str
    show_thinking: bool


class _Message(Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class _Enabled(Struct, tag_field="type", tag="enabled"):
    budget_tokens: Annotated[int, Meta(ge=1)]
    display: Literal["summarized", "omitted"] | None = None


class _Disabled(Struct, tag_field="type", tag="disabled"):
    display: None = None


class _Adaptive(Struct, tag_field="type", tag="adaptive"):
    display: Literal["summarized", "omitted"] | None = None


class _BetweenTools(Struct, tag_field="type", tag="between_tools"):
    display: None = None


class _Format(Struct):
    type: Literal["json_schema"]
    schema: Fields


class _OutputConfig(Struct):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Metadata(Struct):
    user_id: str | None = None


class _Body(Sampling, kw_only=True):
    messages: list[_Message]
    max_tokens: Annotated[int, Meta(ge=1)]
    system: str | list[TextBlock] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: list[str] | None = None
    tools: list[ToolIn] | None = None
    tool_choice: Choice | None = None
    thinking: _Enabled | _Disabled | _Adaptive | _BetweenTools | None = None
    output_config: _OutputConfig | None = None
    output_format: _Format | None = None  # the older place of output_config.format
    metadata: _Metadata | None = None
    mcp_servers: list[Fields] | None = None


_KNOWN = frozenset(_Body.__struct_fields__) | _HINTS


def parse_request(body: dict[str, Any]) -> AskedMessages:
    asked = check(body, _Body)
    extra = {name: value for name, value in unknown_keys(body, _KNOWN).items() if value}
    if isinstance(asked.thinking, _Enabled):
        extra["thinking.budget_tokens"] = asked.thinking.budget_tokens  # no engine has a budget
    tools = parse_tools(asked.tools or [])
    choice, parallel = parse_choice(asked.tool_choice, tools)
    asked.stop = asked.stop_sequences or asked.stop
    chat = Chat(
        messages=_messages(asked),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        format=_format(asked),
        think=_think(asked),
        wire="anthropic",
        extra=extra,
        hints={name: body[name] for name in _HINTS & body.keys() if body[name]},
        **sampling(asked),
    )
    return AskedMessages(
        chat=chat,
        person=(asked.metadata.user_id if asked.metadata else None) or "",
        show_thinking=asked.thinking is None or asked.thinking.display != "omitted",
    )


def parse_count(body: dict[str, Any]) -> Chat:
    """A body of count_tokens: the same without an answer's length."""
    return parse_request({"max_tokens": 1, **body}).chat


def _messages(asked: _Body) -> tuple[Message, ...]:
    if not asked.messages:
        raise InvalidRequest("'messages' must hold at least one message.", param="messages")
    if asked.mcp_servers:
        raise InvalidRequest(
            "'mcp_servers' cannot be reached from here: offer their tools in 'tools'.",
            param="mcp_servers",
        )
    reading = Reading()
    read = {"user": reading.user, "assistant": reading.assistant, "system": reading.system}
    found: list[Message] = []
    if asked.system:
        system = asked.system if isinstance(asked.system, str) else joined_text(asked.system)
        found.append(Message("system", system))
    for index, message in enumerate(asked.messages):
        found += read[message.role](message.content, f"messages[{index}].content")
    return tuple(found)


def _think(asked: _Body) -> bool | str | None:
    """`adaptive` leaves it to the model, which is what saying nothing means to an engine."""
    if isinstance(asked.thinking, _Disabled):
        return False
    if asked.output_config and asked.output_config.effort:
        effort = asked.output_config.effort
        return "max" if effort == "xhigh" else effort
    return True if isinstance(asked.thinking, _Enabled) else asked_think(asked)


def _format(asked: _Body) -> Fields | None:
    config = asked.output_config.format if asked.output_config else None
    found = config or asked.output_format
    return found.schema if found else None
