"""What we ask an OpenAI-compatible engine: neutral requests as bodies of /v1.

A body is a dict, so that an engine with narrower tastes can leave fields out. `official` is said of
OpenAI's own service, which refuses every field that is not its own; the servers people run at
home ignore what they do not know. What comes back is read in `engine_answers`.
"""

from _llamagate.exchange import (
    AudioPart,
    Chat,
    Completion,
    Embed,
    Fields,
    Generation,
    ImagePart,
    Message,
    Part,
    TextPart,
    Tool,
    ToolUse,
)

_SAMPLING = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty")
# Not OpenAI's. vLLM and SGLang say repetition_penalty, llama-server and LM Studio repeat_penalty.
_COMMON = {
    "top_k": ("top_k",),
    "min_p": ("min_p",),
    "repeat_penalty": ("repeat_penalty", "repetition_penalty"),
}
_OLLAMAS = ("num_ctx", "keep_alive", "options")
_PICTURES = {"/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}


def render_chat(request: Chat, *, official: bool = False) -> Fields:
    body = _generation(request, official)
    body["messages"] = _messages(request, official)
    if request.tools:
        own = request.wire == "openai"
        body["tools"] = [_tool(tool, own) for tool in request.tools]
        if request.tool_choice.startswith("="):
            body["tool_choice"] = {
                "type": "function",
                "function": {"name": request.tool_choice[1:]},
            }
        elif request.tool_choice != "auto":
            body["tool_choice"] = request.tool_choice
        if not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    if request.logprobs:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    return body


def render_completion(request: Completion) -> Fields:
    body = _generation(request, False)
    body["prompt"] = request.prompt
    if request.suffix:
        body["suffix"] = request.suffix
    if request.logprobs:
        body["logprobs"] = request.top_logprobs
    return body


def as_chat(request: Completion) -> Chat | None:
    """A completion that means a chat: Ollama answers a prompt as one, template and all."""
    if request.wire == "openai" or request.raw or request.suffix:
        return None
    asked = Message("user", request.prompt)
    if request.images:
        asked = Message("user", (TextPart(request.prompt), *request.images))
    system = (Message("system", request.system),) if request.system else ()
    common = {name: getattr(request, name) for name in Generation.__struct_fields__}
    return Chat(messages=(*system, asked), **common)


def render_embed(request: Embed) -> Fields:
    body: Fields = dict(request.extra) if request.wire == "openai" else {}
    body["model"] = request.model
    body["input"] = list(request.inputs)
    body["encoding_format"] = "float"
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    return body


def unsent(request: Generation | Embed, *, official: bool = False) -> tuple[str, ...]:
    """Names of what was asked and has no name here."""
    names = [name for name in _OLLAMAS if getattr(request, name, None) not in (None, {})]
    if official:
        names += [name for name in _COMMON if getattr(request, name, None) is not None]
    if isinstance(request, Embed) and request.truncate is not None:
        names.append("truncate")
    if isinstance(request, Completion) and as_chat(request) is None:
        names += [name for name in ("system", "images") if getattr(request, name)]
    if request.wire != "openai":
        names += request.extra
    return tuple(names)


def _generation(request: Generation, official: bool) -> Fields:
    body: Fields = {**request.hints, **request.extra} if request.wire == "openai" else {}
    body["model"] = request.model
    body["stream"] = True  # always: a plain answer is collected here
    body["stream_options"] = {"include_usage": True}
    for name in _SAMPLING:
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    if not official:
        for name, theirs in _COMMON.items():
            value = getattr(request, name)
            if value is not None:
                body |= dict.fromkeys(theirs, value)
    if request.max_tokens is not None and request.max_tokens > 0:  # at Ollama -1 is no limit
        body["max_completion_tokens" if official else "max_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if request.think is not None:
        _think(body, request.think, official)
    if request.format is not None and "response_format" not in body:
        body["response_format"] = _format(request.format)
    return body


def _think(body: Fields, think: bool | str, official: bool) -> None:
    """A level has one name everywhere; on and off are said to the template by most servers."""
    if isinstance(think, str):
        body.setdefault("reasoning_effort", "xhigh" if official and think == "max" else think)
        return
    if not think:
        body.setdefault("reasoning_effort", "none")
    if not official:
        theirs = body.get("chat_template_kwargs")
        asked = theirs if isinstance(theirs, dict) else {}
        body["chat_template_kwargs"] = {"enable_thinking": think, **asked}


def _format(wanted: str | Fields) -> Fields:
    if isinstance(wanted, str):
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}


def _messages(request: Chat, official: bool) -> list[Fields]:
    own = request.wire == "openai"
    ids = _CallIds()
    return [_message(message, own, official, ids) for message in request.messages]


def _message(message: Message, own: bool, official: bool, ids: "_CallIds") -> Fields:
    found: Fields = dict(message.extra) if own else {}
    found["role"] = "system" if message.role == "developer" else message.role
    failed = "Error: " if message.is_error else ""  # there is no field for it
    if isinstance(message.content, str):
        found["content"] = failed + message.content
    else:
        parts = (TextPart(failed), *message.content) if failed else message.content
        found["content"] = [_part(part) for part in parts]
    if message.thinking and not official:
        found["reasoning_content"] = message.thinking
    if message.tool_calls:
        found["content"] = found["content"] or None
        found["tool_calls"] = [_tool_use(use, ids.of_call(use), own) for use in message.tool_calls]
    if message.role == "tool":
        found["tool_call_id"] = ids.of_result(message)
    return found


def _part(part: Part) -> Fields:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            url = f"data:{part.media_type or _picture(part.data)};base64,{part.data}"
            return {"type": "image_url", "image_url": {"url": url}}
        case AudioPart():
            sound = {"data": part.data, "format": part.format or "wav"}
            return {"type": "input_audio", "input_audio": sound}


def _picture(data: str) -> str:
    """Its kind, by how it begins; Ollama's wire does not say."""
    return next((kind for start, kind in _PICTURES.items() if data.startswith(start)), "image/png")


def _tool_use(use: ToolUse, call_id: str, own: bool) -> Fields:
    function = {"name": use.name, "arguments": use.arguments or "{}"}
    found: Fields = {"id": call_id, "type": "function", "function": function}
    return {**use.extra, **found} if own else found


def _tool(tool: Tool, own: bool) -> Fields:
    function: Fields = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = tool.parameters
    if tool.strict:
        function["strict"] = True
    found: Fields = {"type": "function", "function": function}
    return {**tool.extra, **found} if own else found


class _CallIds:
    """A result names its call by id here; other wires may know it by name and order only."""

    def __init__(self) -> None:
        self._made = 0
        self._open: list[tuple[str, str]] = []  # calls without a result: name, id

    def of_call(self, use: ToolUse) -> str:
        call_id = use.id or self._make()
        self._open.append((use.name, call_id))
        return call_id

    def of_result(self, message: Message) -> str:
        named = message.tool_call_id
        for at, (name, call_id) in enumerate(self._open):
            if call_id == named or (not named and message.tool_name in (name, "")):
                del self._open[at]
                return call_id
        return named or self._make()

    def _make(self) -> str:
        self._made += 1
        return f"call_{self._made}"
