"""What a chat of Ollama's wire consists of: messages, pictures, tools and calls of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields, ImagePart, Message, Part, TextPart, Tool, ToolUse
from _llamagate.wires.ollama.keys import unknown_fields


class _CalledFunction(Struct):
    name: str
    arguments: Fields | None = None


class _Call(Struct):
    function: _CalledFunction
    id: str | None = None


class MessageIn(Struct):
    role: str | None = None
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None
    tool_name: str | None = None


class _Function(Struct):
    name: str
    description: str | None = None
    parameters: Fields | None = None
    strict: bool | None = None


class ToolIn(Struct):
    function: _Function


def parse_messages(
    messages: Sequence[MessageIn] | None, given: Sequence[Mapping[str, Any]] | None
) -> tuple[Message, ...]:
    """`given` is the same as it came, with the fields that have no name here."""
    pairs = zip(messages or (), given or (), strict=True)
    return tuple(_message(one, raw, f"messages[{at}].") for at, (one, raw) in enumerate(pairs))


def parse_tools(
    tools: Sequence[ToolIn] | None, given: Sequence[Mapping[str, Any]] | None
) -> tuple[Tool, ...]:
    pairs = zip(tools or (), given or (), strict=True)
    return tuple(_tool(one.function, raw, f"tools[{at}].") for at, (one, raw) in enumerate(pairs))


def parse_images(images: Sequence[str] | None, path: str) -> tuple[ImagePart, ...]:
    for at, image in enumerate(images or ()):
        if image.startswith("data:") or not image.isascii():
            raise InvalidRequest(
                f"'{path}[{at}]' must be the picture in plain base64, without 'data:' before it.",
                param=f"{path}[{at}]",
            )
    return tuple(ImagePart(image) for image in images or ())


def _message(message: MessageIn, raw: Mapping[str, Any], path: str) -> Message:
    if len(raw) == 2 and message.role and message.content:  # nearly all of a long conversation
        return Message(message.role.lower(), message.content)
    content: str | tuple[Part, ...] = message.content or ""
    if message.images:
        text = (TextPart(message.content),) if message.content else ()
        content = (*text, *parse_images(message.images, f"{path}images"))
    pairs = zip(message.tool_calls or (), raw.get("tool_calls") or (), strict=True)
    uses = [_use(call, given, f"{path}tool_calls[{at}].") for at, (call, given) in enumerate(pairs)]
    return Message(
        role=(message.role or "").lower(),
        content=content,
        thinking=message.thinking or "",
        tool_calls=tuple(uses),
        tool_call_id=message.tool_call_id or "",
        tool_name=message.tool_name or "",
        extra=unknown_fields(raw, MessageIn, path=path),
    )


def _use(call: _Call, raw: Mapping[str, Any], path: str) -> ToolUse:
    arguments = orjson.dumps(call.function.arguments or {}).decode()
    extra = unknown_fields(raw, _Call, path=path)
    inner = unknown_fields(raw["function"], _CalledFunction, path=f"{path}function.")
    return ToolUse(call.function.name, arguments, call.id or "", _with(extra, inner))


def _tool(function: _Function, raw: Mapping[str, Any], path: str) -> Tool:
    extra = unknown_fields(raw, ToolIn, path=path)
    if extra.get("type") == "function":
        del extra["type"]
    inner = unknown_fields(raw["function"], _Function, path=f"{path}function.")
    return Tool(
        function.name,
        function.description or "",
        function.parameters or {},
        bool(function.strict),
        _with(extra, inner),
    )


def _with(extra: Fields, inner: Fields) -> Fields:
    return {**extra, "function": inner} if inner else extra
