"""What we ask `transformers serve`: OpenAI's wire, narrowed to what it takes, for it refuses
fields it does not know and passes over many that it does.

Its sampling is greedy for models whose own configuration says so, whatever temperature is asked
for, and it has no names for some of the rest; both can be said in `generation_config`, a JSON text
whose gaps are filled from the model's own.
"""

import orjson

from _llamagate.exchange import Chat, Completion, Fields, Generation
from _llamagate.wires.openai import engine

_BOTH = ("model", "stream", "temperature", "top_p", "seed", "max_tokens", "stop")
_CHAT = frozenset((*_BOTH, "messages", "tools", "logit_bias", "chat_template_kwargs"))
_COMPLETION = frozenset((*_BOTH, "prompt"))
_TEMPLATE = ("enable_thinking", "reasoning_effort")
_CHOICES = ("auto", "none")  # the first is all it does, the second is done here
_LENGTH = 1024  # tokens where nobody says: its own default, which a `generation_config` undoes


def render(request: Chat | Completion, *, talks: bool) -> tuple[str, Fields]:
    """Path and body. A model that does not talk has no template for chats: it goes on with a
    text, whatever was said."""
    if isinstance(request, Completion) and talks:
        request = engine.as_chat(request) or request
    if isinstance(request, Chat) and talks:
        path, known, body = "/v1/chat/completions", _CHAT, engine.render_chat(request)
        if request.tool_choice == "none":
            body.pop("tools", None)
        body["chat_template_kwargs"] = _template_kwargs(request)
    else:
        path, known, body = "/v1/completions", _COMPLETION, engine.render_completion(_text(request))
    body = {name: value for name, value in body.items() if name in known and value != {}}
    if sampling := _sampling(request):
        body["generation_config"] = orjson.dumps(sampling).decode()
    return path, body


def unsent(request: Chat | Completion, *, talks: bool) -> tuple[str, ...]:
    """Names of what was asked and changes nothing."""
    chat = talks and isinstance(request, Chat)
    names = list(engine.unsent(request))
    if request.wire == "openai":
        names += [name for name, value in request.extra.items() if not _taken(name, value, chat)]
    if request.format is not None:
        names.append("response_format")
    if request.logprobs:
        names.append("logprobs")
    names += [name for name in ("presence_penalty", "frequency_penalty") if getattr(request, name)]
    if isinstance(request, Chat) and request.tools and request.tool_choice not in _CHOICES:
        names.append("tool_choice")
    return tuple(dict.fromkeys(names))


def _text(request: Chat | Completion) -> Completion:
    if isinstance(request, Completion):
        before = f"{request.system}\n\n" if request.system else ""
        return _completion(request, before + request.prompt)
    return _completion(request, "\n\n".join(message.text for message in request.messages))


def _completion(request: Chat | Completion, prompt: str) -> Completion:
    common = {name: getattr(request, name) for name in Generation.__struct_fields__}
    return Completion(prompt=prompt, **common)


def _taken(name: str, value: object, chat: bool) -> bool:
    """Does it take this field of OpenAI's wire?"""
    if name == "chat_template_kwargs":
        return chat and value == _harmless(value)
    return chat and name == "logit_bias"


def _template_kwargs(request: Chat) -> Fields:
    asked = request.extra.get("chat_template_kwargs") if request.wire == "openai" else None
    if request.think is None:
        return _harmless(asked)
    if isinstance(request.think, str):
        return {"enable_thinking": True, "reasoning_effort": request.think, **_harmless(asked)}
    return {"enable_thinking": request.think, **_harmless(asked)}


def _harmless(asked: object) -> Fields:
    """By this way a client could give a template of its own."""
    given = asked if isinstance(asked, dict) else {}
    return {name: given[name] for name in _TEMPLATE if isinstance(given.get(name), bool | str)}


def _sampling(request: Chat | Completion) -> Fields:
    asked: Fields = {
        "top_k": request.top_k,
        "min_p": request.min_p,
        "repetition_penalty": request.repeat_penalty,
    }
    found = {name: value for name, value in asked.items() if value is not None}
    shaping = (request.temperature, request.top_p, request.top_k, request.min_p)
    if request.temperature != 0 and any(value is not None for value in shaping):
        found["do_sample"] = True
    if found:
        found["max_new_tokens"] = request.max_tokens or _LENGTH
    return found
