"""The blocks of a message: text, pictures, documents, thinking, tool calls and their results."""

from typing import Any

import orjson
from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields, ImagePart, Message, Part, TextPart, ToolUse
from _llamagate.wires.anthropic.tool_ids import engine_id


class TextBlock(Struct, tag_field="type", tag="text"):
    text: str


class _Base64(Struct, tag_field="type", tag="base64"):
    data: str
    media_type: str


class _PlainText(Struct, tag_field="type", tag="text"):
    data: str


class _Url(Struct, tag_field="type", tag="url"):
    pass


class _File(Struct, tag_field="type", tag="file"):
    pass


class ImageBlock(Struct, tag_field="type", tag="image"):
    source: _Base64 | _Url | _File


class _Content(Struct, tag_field="type", tag="content"):
    content: str | list[TextBlock | ImageBlock]


class DocumentBlock(Struct, tag_field="type", tag="document"):
    source: _PlainText | _Content | _Base64 | _Url | _File
    title: str | None = None
    context: str | None = None


class SearchResultBlock(Struct, tag_field="type", tag="search_result"):
    content: list[TextBlock]
    source: str
    title: str


class ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    thinking: str  # its signature is not looked at: nobody here could check one


class RedactedThinkingBlock(Struct, tag_field="type", tag="redacted_thinking"):
    """Thinking that only Anthropic can read. There is nothing in it for another model."""


class ToolUseBlock(Struct, tag_field="type", tag="tool_use"):
    id: str
    name: str
    input: Fields


class ToolResultBlock(Struct, tag_field="type", tag="tool_result"):
    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | DocumentBlock | SearchResultBlock] | None = None
    is_error: bool | None = None


Shown = TextBlock | ImageBlock | DocumentBlock | SearchResultBlock
Block = Shown | ThinkingBlock | RedactedThinkingBlock | ToolUseBlock | ToolResultBlock


class Reading:
    """Messages as they are read. Remembers which tool each call was of, for the results."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def user(self, content: str | list[Block], path: str) -> list[Message]:
        """One message, or several: each result of a tool is a message of its own."""
        if isinstance(content, str):
            return [Message("user", content)]
        found: list[Message] = []
        shown: list[Part] = []
        for index, block in enumerate(content):
            at = f"{path}[{index}]"
            if isinstance(block, ToolResultBlock):
                if shown:
                    found.append(Message("user", _joined(shown)))
                    shown = []
                found.append(self._result(block, at))
            elif isinstance(block, Shown):
                shown += _parts(block, at)
            else:
                raise _misplaced(block, at, "user")
        if shown or not found:
            found.append(Message("user", _joined(shown)))
        return found

    def assistant(self, content: str | list[Block], path: str) -> list[Message]:
        if isinstance(content, str):
            return [Message("assistant", content)]
        text: list[str] = []
        thinking: list[str] = []
        calls: list[ToolUse] = []
        for index, block in enumerate(content):
            match block:
                case TextBlock():
                    text.append(block.text)
                case ThinkingBlock():
                    thinking.append(block.thinking)
                case RedactedThinkingBlock():
                    pass
                case ToolUseBlock():
                    calls.append(self._call(block))
                case _:
                    raise _misplaced(block, f"{path}[{index}]", "assistant")
        return [
            Message(
                "assistant",
                "".join(text),
                thinking="".join(thinking),
                tool_calls=tuple(calls),
            )
        ]

    def system(self, content: str | list[Block], path: str) -> list[Message]:
        if isinstance(content, str):
            return [Message("system", content)]
        for index, block in enumerate(content):
            if not isinstance(block, TextBlock):
                raise _misplaced(block, f"{path}[{index}]", "system")
        return [Message("system", joined_text([b for b in content if isinstance(b, TextBlock)]))]

    def _call(self, block: ToolUseBlock) -> ToolUse:
        self._names[block.id] = block.name
        return ToolUse(block.name, orjson.dumps(block.input).decode(), engine_id(block.id))

    def _result(self, block: ToolResultBlock, path: str) -> Message:
        name = self._names.get(block.tool_use_id)
        if name is None:
            raise InvalidRequest(
                f"'{path}.tool_use_id' is {block.tool_use_id!r}, but no earlier tool_use block "
                "has this id.",
                param=f"{path}.tool_use_id",
            )
        return Message(
            "tool",
            _result_content(block, f"{path}.content"),
            tool_call_id=engine_id(block.tool_use_id),
            tool_name=name,
            is_error=bool(block.is_error),
        )


def joined_text(blocks: list[TextBlock]) -> str:
    """Blocks are paragraphs; a template knows only one string."""
    return "\n".join(block.text for block in blocks)


def _result_content(block: ToolResultBlock, path: str) -> str | tuple[Part, ...]:
    if block.content is None or isinstance(block.content, str):
        return block.content or ""
    parts: list[Part] = []
    for index, shown in enumerate(block.content):
        parts += _parts(shown, f"{path}[{index}]")
    return _joined(parts)


def _joined(parts: list[Part]) -> str | tuple[Part, ...]:
    """Text alone is one string; among pictures each text begins a line of its own."""
    if all(isinstance(part, TextPart) for part in parts):
        return "\n".join(part.text for part in parts if isinstance(part, TextPart))
    found: list[Part] = []
    for part in parts:
        if isinstance(part, TextPart) and any(isinstance(before, TextPart) for before in found):
            part = TextPart("\n" + part.text)
        found.append(part)
    return tuple(found)


def _parts(block: Shown, path: str) -> list[Part]:
    match block:
        case TextBlock():
            return [TextPart(block.text)]
        case ImageBlock():
            return [_image(block, path)]
        case DocumentBlock():
            return _document(block, path)
        case SearchResultBlock():
            text = joined_text(block.content)
            return [TextPart(_framed("search_result", text, block.title, block.source))]


def _image(block: ImageBlock, path: str) -> ImagePart:
    """Only data: an address would make the gateway fetch what a client chooses."""
    source = block.source
    if not isinstance(source, _Base64):
        raise InvalidRequest(
            "Remote images and files are not fetched: send the picture itself, as a source of "
            "type 'base64'.",
            param=f"{path}.source.type",
        )
    if not source.media_type.startswith("image/"):
        raise InvalidRequest(
            f"'{path}.source.media_type' must be that of a picture, such as image/png.",
            param=f"{path}.source.media_type",
        )
    if not source.data or not source.data.isascii() or source.data.startswith("data:"):
        raise InvalidRequest(
            f"'{path}.source.data' must be base64 and nothing else.", param=f"{path}.source.data"
        )
    return ImagePart(source.data, source.media_type)


def _document(block: DocumentBlock, path: str) -> list[Part]:
    """Its text stands in the prompt, in a frame that says what it is."""
    match block.source:
        case _PlainText(data=str(text)) | _Content(content=str(text)):
            return [TextPart(_framed("document", text, block.title, block.context))]
        case _Content(content=list(content)):
            inner: list[Part] = []
            for index, shown in enumerate(content):
                inner += _parts(shown, f"{path}.source.content[{index}]")
            head = _framed("document", "", block.title, block.context).removesuffix("</document>")
            return [TextPart(head.rstrip("\n")), *inner, TextPart("</document>")]
    raise InvalidRequest(
        "Only documents of text can be read here: PDFs, files and addresses cannot. "
        "Send the text, as a source of type 'text'.",
        param=f"{path}.source.type",
    )


def _framed(kind: str, text: str, *about: str | None) -> str:
    lines = [f"<{kind}>", *(line for line in about if line), text, f"</{kind}>"]
    return "\n".join(lines)


def _misplaced(block: Any, path: str, role: str) -> InvalidRequest:
    kind = type(block).__struct_config__.tag
    return InvalidRequest(
        f"'{path}' is of type {kind!r}, which has no place in a message of role {role!r}.",
        param=f"{path}.type",
    )
