"""What a client of the Responses API asks for."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Chat, Fields, Message
from _llamagate.wires.body import check, unknown_keys
from _llamagate.wires.openai.sampling import Sampling, sampling, think
from _llamagate.wires.responses.items import Memory, own_items, parse_items
from _llamagate.wires.responses.tools import (
    ToolIn,
    namespaced,
    parse_choice,
    parse_format,
    parse_tools,
)

_REFUSED = {
    "background": "nothing runs on after the connection is closed",
    "conversation": "use 'previous_response_id', or send the items",
    "prompt": "no prompt templates are kept here; send their text",
}
# The answer is the same without them; an engine of OpenAI's wire may like to know.
_HINTS = frozenset(
    {"metadata", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_options"}
    | {"prompt_cache_retention"}
)
# There is nothing here that they could change.
_IDLE = frozenset(
    {"max_tool_calls", "stream_options", "truncation", "background_options", "client_metadata"}
)


class AskedResponse(Struct, frozen=True):
    """What the client asked, and what the answer repeats of it."""

    chat: Chat
    items: list[Fields]  # the whole conversation so far, that of earlier responses included
    settings: Fields  # as they stand in the response object
    namespaced: dict[str, Fields]  # functions that have another name for the client
    store: bool
    seal_thinking: bool  # the client wants `encrypted_content`
    person: str


class _Text(Struct):
    format: Fields | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


_Include = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]


class _Body(Sampling, kw_only=True):
    input: str | list[Fields] | None = None
    instructions: str | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_tool_calls: Annotated[int, Meta(ge=1)] | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    background: bool | None = None
    include: list[_Include] | None = None
    metadata: dict[str, str] | None = None
    text: _Text | None = None
    tools: list[ToolIn] | None = None
    tool_choice: str | Fields | None = None
    parallel_tool_calls: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: str | None = None
    safety_identifier: str | None = None


_KNOWN = frozenset(_Body.__struct_fields__) | _HINTS | _IDLE | _REFUSED.keys()


def parse_request(body: dict[str, Any], memory: Memory) -> AskedResponse:
    asked = check(body, _Body)
    extra = {name: value for name, value in unknown_keys(body, _KNOWN).items() if value}
    _refuse(body)
    if asked.text and asked.text.verbosity:
        extra["verbosity"] = asked.text.verbosity
    earlier = _earlier(asked.previous_response_id, memory)
    items = earlier + own_items(asked.input if asked.input is not None else [], memory)
    tools, choice = parse_choice(asked.tool_choice, parse_tools(asked.tools or []))
    asked.max_completion_tokens = asked.max_output_tokens or asked.max_completion_tokens
    wanted = asked.include or ()
    chat = Chat(
        messages=_messages(asked, items, len(earlier)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=asked.parallel_tool_calls is not False,
        format=parse_format(asked.text.format if asked.text else None),
        think=think(asked),
        logprobs="message.output_text.logprobs" in wanted,
        top_logprobs=asked.top_logprobs or 0,
        wire="openai",
        extra=extra,
        hints={name: body[name] for name in _HINTS & body.keys() if body[name]},
        **sampling(asked),
    )
    return AskedResponse(
        chat=chat,
        items=items,
        settings=_settings(asked, body),
        namespaced=namespaced(asked.tools or []),
        store=asked.store is not False,
        seal_thinking="reasoning.encrypted_content" in wanted,
        person=asked.user or asked.safety_identifier or "",
    )


def _refuse(body: dict[str, Any]) -> None:
    for name, what in _REFUSED.items():
        if body.get(name):
            raise InvalidRequest(f"'{name}' is not supported: {what}.", param=name)


def _earlier(response_id: str | None, memory: Memory) -> list[Fields]:
    if not response_id:
        return []
    found = memory.conversation(response_id)
    if found is None:
        raise InvalidRequest(
            f"The response {response_id!r} is not kept here: it was never stored, or not for so "
            "long. Send the conversation as items in 'input'.",
            param="previous_response_id",
        )
    return found


def _messages(asked: _Body, items: list[Fields], known: int) -> tuple[Message, ...]:
    if len(items) == known and not known:
        raise InvalidRequest("'input' must hold a text or at least one item.", param="input")
    first = [Message("system", asked.instructions)] if asked.instructions else []
    return (*first, *parse_items(items, known))


def _settings(asked: _Body, body: dict[str, Any]) -> Fields:
    reasoning = body.get("reasoning") or {}
    text = body.get("text") or {}
    return {
        "background": False,
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_completion_tokens or asked.max_tokens,
        "max_tool_calls": asked.max_tool_calls,
        "metadata": asked.metadata or {},
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id or None,
        "prompt_cache_key": body.get("prompt_cache_key"),
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "safety_identifier": asked.safety_identifier,
        "service_tier": "default",
        "store": asked.store is not False,
        "temperature": asked.temperature,
        "text": {"format": text.get("format") or {"type": "text"}}
        | {"verbosity": text.get("verbosity") or "medium"},
        "tool_choice": asked.tool_choice if asked.tool_choice is not None else "auto",
        "tools": body.get("tools") or [],
        "top_logprobs": asked.top_logprobs or 0,
        "top_p": asked.top_p,
        "truncation": asked.truncation or "disabled",
        "user": asked.user,
    }
