"""The items a conversation is made of: messages, calls of functions with their outputs, reasoning.

Items are kept as JSON objects, as a client reads them back, and read into messages from there.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import AudioPart, Fields, Message, Part, TextPart, ToolUse
from _llamagate.ids import secret_id
from _llamagate.wires.body import check
from _llamagate.wires.openai.parts import check_arguments, parse_image
from _llamagate.wires.responses.tools import full_name

_PREFIXES = {"message": "msg_", "function_call": "fc_", "reasoning": "rs_"}


class Memory(Protocol):
    """What is still known of a caller's earlier responses."""

    def conversation(self, response_id: str) -> list[Fields] | None:
        """All items up to the end of that response."""

    def item(self, item_id: str) -> Fields | None: ...


class _InputText(Struct, tag_field="type", tag="input_text"):
    text: str


class _OutputText(Struct, tag_field="type", tag="output_text"):
    text: str


class _Refusal(Struct, tag_field="type", tag="refusal"):
    refusal: str


class _InputImage(Struct, tag_field="type", tag="input_image"):
    image_url: str | None = None


class _InputFile(Struct, tag_field="type", tag="input_file"):
    pass


class _Audio(Struct):
    data: str
    format: str = ""


class _InputAudio(Struct, tag_field="type", tag="input_audio"):
    input_audio: _Audio


_Part = _InputText | _OutputText | _Refusal | _InputImage | _InputFile | _InputAudio


class _Message(Struct, tag_field="type", tag="message"):
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[_Part]


class _Call(Struct, tag_field="type", tag="function_call"):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None


class _Output(Struct, tag_field="type", tag="function_call_output"):
    output: str | list[_InputText | _InputImage | _InputFile]
    call_id: str | None = None
    name: str | None = None


class _Said(Struct):
    text: str


class _Reasoning(Struct, tag_field="type", tag="reasoning"):
    summary: list[_Said] = []
    content: list[_Said] | None = None
    encrypted_content: str | None = None


class _Items(Struct):
    input: list[_Message | _Call | _Output | _Reasoning]


def own_items(asked: str | list[Fields], memory: Memory) -> list[Fields]:
    """The input as items that say what they are, each with an id; references are followed."""
    if isinstance(asked, str):
        asked = [{"role": "user", "content": asked}]
    return [_own_item(item, f"input[{index}]", memory) for index, item in enumerate(asked)]


def parse_items(items: Sequence[Fields], known: int) -> list[Message]:
    """`known` says how many of them, at the start, are from before."""
    reading = _Reading()
    for index, item in enumerate(check({"input": items}, _Items).input):
        reading.read(item, f"input[{index - known}]")
    return reading.end()


def seal(thinking: str) -> str:
    """`encrypted_content`, for clients that send back nothing else of an item. It is no secret
    from the client, so it is not encrypted."""
    return b64encode(thinking.encode()).decode()


def _own_item(item: Fields, path: str, memory: Memory) -> Fields:
    kind = item.get("type") or ("message" if "role" in item else "item_reference")
    id = item.get("id")
    if kind != "item_reference":
        prefix = _PREFIXES.get(str(kind), "item_")
        id = id if isinstance(id, str) and id else secret_id(prefix)
        return _in_full({**item, "type": kind, "id": id})
    found = memory.item(id) if isinstance(id, str) else None
    if found is None:
        raise InvalidRequest(
            f"'{path}' refers to an item {id!r} that is not kept here: it was never stored, or "
            "not for so long. Send the item itself.",
            param=f"{path}.id",
        )
    return found


def _in_full(item: Fields) -> Fields:
    """A message has parts, also where it came as a string."""
    if item["type"] != "message" or not isinstance(item.get("content"), str):
        return item
    kind = "output_text" if item.get("role") == "assistant" else "input_text"
    part: Fields = {"type": kind, "text": item["content"]}
    if kind == "output_text":
        part["annotations"] = []
    return {"status": "completed", **item, "content": [part]}


class _Reading:
    """Items as they are read. What an assistant thought, said and called in a row is one message;
    outputs find the function's name by the id of its call."""

    def __init__(self) -> None:
        self._found: list[Message] = []
        self._names: dict[str, str] = {}
        self._thinking = ""
        self._text = ""
        self._calls: list[ToolUse] = []

    def read(self, item: _Message | _Call | _Output | _Reasoning, path: str) -> None:
        match item:
            case _Message(role="assistant"):
                self._end_turn(after_text=True)
                self._text = _text(item.content, f"{path}.content")
            case _Message():
                self._end_turn()
                self._found.append(Message(item.role, _content(item.content, f"{path}.content")))
            case _Call():
                check_arguments(item.arguments, f"{path}.arguments")
                name = self._names[item.call_id] = full_name(item.name, item.namespace)
                self._calls.append(ToolUse(name, item.arguments, item.call_id))
            case _Output():
                self._end_turn()
                self._found.append(self._output(item, path))
            case _Reasoning():
                if thinking := _thinking(item):
                    self._end_turn(after_text=True)
                    self._thinking += thinking

    def end(self) -> list[Message]:
        self._end_turn()
        return self._found

    def _end_turn(self, *, after_text: bool = False) -> None:
        """`after_text`: only if the assistant has got further than thinking."""
        if self._text or self._calls or (self._thinking and not after_text):
            calls = tuple(self._calls)
            self._found.append(
                Message("assistant", self._text, thinking=self._thinking, tool_calls=calls)
            )
            self._thinking = self._text = ""
            self._calls = []

    def _output(self, item: _Output, path: str) -> Message:
        id = item.call_id or ""
        name = self._names.get(id) or item.name
        if not name:
            raise InvalidRequest(
                f"'{path}.call_id' is {id!r}, but no function call with this id comes before it.",
                param=f"{path}.call_id",
            )
        content = _content(item.output, f"{path}.output")
        return Message("tool", content, tool_call_id=id, tool_name=name)


def _content(content: str | Sequence[_Part], path: str) -> str | tuple[Part, ...]:
    if isinstance(content, str):
        return content
    parts = [_part(part, f"{path}[{index}]") for index, part in enumerate(content)]
    if all(isinstance(part, TextPart) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    return tuple(parts)


def _text(content: str | Sequence[_Part], path: str) -> str:
    found = _content(content, path)
    if not isinstance(found, str):
        raise InvalidRequest(f"'{path}' of an assistant can only be text.", param=path)
    return found


def _part(part: _Part, path: str) -> Part:
    match part:
        case _InputText() | _OutputText():
            return TextPart(part.text)
        case _Refusal():
            return TextPart(part.refusal)
        case _InputAudio():
            return AudioPart(part.input_audio.data, part.input_audio.format)
        case _InputImage(image_url=str(url)):
            return parse_image(url, f"{path}.image_url")
    raise InvalidRequest(
        "Files cannot be read here: send their text, or a picture as a data URL in 'image_url'.",
        param=f"{path}.type",
    )


def _thinking(item: _Reasoning) -> str:
    if said := "".join(part.text for part in item.content or item.summary):
        return said
    try:
        return b64decode(item.encrypted_content or "", validate=True).decode()
    except (NotBase64, UnicodeDecodeError):
        return ""  # OpenAI's own, which nobody else can read
