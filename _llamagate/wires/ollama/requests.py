"""What we ask Ollama: neutral requests as bodies of /api/chat, /api/generate and /api/embed.

Bodies are always written anew from known fields. Ollama matches keys in any case and takes the
last one, so a body that was checked and then passed on could name another model than was checked.
"""

from operator import attrgetter
from typing import Any

import orjson

from _llamagate.errors import EngineRefused, InvalidRequest
from _llamagate.exchange import (
    AudioPart,
    Chat,
    Completion,
    Embed,
    Fields,
    Generation,
    ImagePart,
    Message,
    Tool,
    ToolUse,
)
from _llamagate.wires.arguments import parse_arguments
from _llamagate.wires.schemas import plain_schema

_OPTIONS = {  # by our names
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "repeat_penalty": "repeat_penalty",
    "num_ctx": "num_ctx",
    "max_tokens": "num_predict",
}
_given = attrgetter(*_OPTIONS)


def render_chat(request: Chat) -> bytes:
    body = _generation(request)
    own = request.wire == "ollama"
    body["messages"] = [_message(message, own) for message in request.messages]
    if forces_a_call(request):
        _force_a_call(body, request)
    elif request.tools and request.tool_choice != "none":
        body["tools"] = [_tool(tool, own) for tool in request.tools]
    return orjson.dumps(body)


def render_completion(request: Completion) -> bytes:
    body = _generation(request)
    body["prompt"] = request.prompt
    if request.suffix:
        body["suffix"] = request.suffix
    if request.system is not None:
        body["system"] = request.system
    if request.images:
        body["images"] = [image.data for image in request.images]
    if request.raw:
        body["raw"] = True
    return orjson.dumps(body)


def render_embed(request: Embed) -> bytes:
    body: dict[str, Any] = dict(request.extra) if request.wire == "ollama" else {}
    body["model"] = request.model
    body["input"] = list(request.inputs)
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.truncate is not None:
        body["truncate"] = request.truncate
    if request.keep_alive is not None:
        body["keep_alive"] = request.keep_alive
    if request.options:
        body["options"] = request.options
    return orjson.dumps(body)


def render_show(model: str, fields: Fields) -> bytes:
    return orjson.dumps({**fields, "model": model})


def forces_a_call(request: Chat) -> bool:
    """Whether the answer must be a tool call, which Ollama itself cannot be told."""
    return bool(request.tools) and request.tool_choice not in ("auto", "none")


def thinks_in_vain(request: Chat, refused: EngineRefused) -> bool:
    """Whether a client that only wishes for thinking asked it of a model that has none."""
    wished = request.wire == "anthropic" and bool(request.think)
    return wished and "does not support thinking" in refused.message


def unused(request: Generation | Embed) -> tuple[str, ...]:
    """Names of fields that mean nothing to Ollama and were not sent."""
    return tuple(request.extra) if request.wire != "ollama" else ()


def _generation(request: Generation) -> dict[str, Any]:
    body: dict[str, Any] = dict(request.extra) if request.wire == "ollama" else {}
    body["model"] = request.model
    body["stream"] = True  # always: a plain answer is collected here
    options = dict(request.options)
    for option, value in zip(_OPTIONS.values(), _given(request), strict=True):
        if value is not None:
            options[option] = value
    if request.stop:
        options["stop"] = request.stop
    if options:
        body["options"] = options
    if request.think is not None:
        body["think"] = request.think
    if request.format is not None:
        body["format"] = request.format
    if request.logprobs:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.keep_alive is not None:
        body["keep_alive"] = request.keep_alive
    return body


def _message(message: Message, own: bool) -> dict[str, Any]:
    found: dict[str, Any] = dict(message.extra) if own else {}
    # Only a first message called `system` replaces the model's own system prompt.
    found["role"] = "system" if message.role == "developer" and not own else message.role
    if isinstance(message.content, str):
        found["content"] = message.content
    else:
        found["content"] = message.text
        media = [p.data for p in message.content if isinstance(p, (ImagePart, AudioPart))]
        if media:
            found["images"] = media  # sound goes here too; Ollama looks at the bytes
    if message.is_error:
        found["content"] = f"Error: {found['content']}"  # there is no field for it
    if message.thinking:
        found["thinking"] = message.thinking
    if message.tool_calls:
        found["tool_calls"] = [_tool_use(use, own) for use in message.tool_calls]
    if message.tool_call_id:
        found["tool_call_id"] = message.tool_call_id
    if message.tool_name:
        found["tool_name"] = message.tool_name
    return found


def _tool_use(use: ToolUse, own: bool) -> dict[str, Any]:
    function = {"name": use.name, "arguments": _arguments(use.arguments)}
    found: dict[str, Any] = {"id": use.id} if use.id else {}
    return {**found, **_beside(use.extra if own else {}, function)}


def _arguments(text: str) -> dict[str, Any]:
    """Ollama wants an object where OpenAI has JSON text."""
    found = parse_arguments(text)
    if found is None:
        raise InvalidRequest(
            "The arguments of an earlier tool call are not a JSON object.", param="messages"
        )
    return found


def _tool(tool: Tool, own: bool) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": plain_schema(tool.parameters),
    }
    return {"type": "function", **_beside(tool.extra if own else {}, function)}


def _beside(extra: Fields, function: dict[str, Any]) -> dict[str, Any]:
    """A function with the fields that came with it from a client of this wire."""
    inner = extra.get("function")
    return {**extra, "function": {**inner, **function} if isinstance(inner, dict) else function}


def _force_a_call(body: dict[str, Any], request: Chat) -> None:
    """Hold the answer to the shape of one call. Thinking is off: it would come before the shape."""
    wanted = request.tool_choice[1:] if request.tool_choice.startswith("=") else ""
    tools = [tool for tool in request.tools if not wanted or tool.name == wanted]
    shapes = [
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "enum": [tool.name]},
                "arguments": plain_schema(tool.parameters),
            },
            "required": ["name", "arguments"],
        }
        for tool in tools
    ]
    body["format"] = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    body["think"] = False
    known = orjson.dumps([_tool(tool, False)["function"] for tool in tools]).decode()
    body["messages"].append(
        {
            "role": "system",
            "content": "Answer by calling one of these functions, as a JSON object with the keys "
            f'"name" and "arguments" and nothing else: {known}',
        }
    )
