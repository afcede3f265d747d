"""How a fake Ollama reads a request, and what it refuses, as the real one does. No I/O here."""

import json
import re
from collections.abc import Sequence
from typing import Any

from tests.fakes.ollama.script import FakeModel

LEVELS = (True, False, "low", "medium", "high", "max", None)
INTEGERS = {
    *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "seed"),
    *("num_predict", "top_k", "repeat_last_n", "draft_num_predict"),
}
FLOATS = {
    *("top_p", "min_p", "typical_p", "temperature", "repeat_penalty"),
    *("presence_penalty", "frequency_penalty"),
}


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def parse(raw: bytes) -> dict[str, Any]:
    """The first JSON value of the body, its keys folded: the last spelling of a key wins."""
    if not raw:
        raise Refused(400, "missing request body")
    try:
        value, _ = json.JSONDecoder(object_pairs_hook=_in_order).raw_decode(
            raw.decode(errors="replace").lstrip()
        )
    except ValueError as exc:
        raise Refused(400, f"invalid character: {exc}") from None
    if not isinstance(value, dict):
        raise Refused(400, "json: cannot unmarshal into Go value of type api.Request")
    body = _folded(value)
    if isinstance(messages := body.get("messages"), list):
        body["messages"] = [_folded(m) if isinstance(m, dict) else m for m in messages]
    return body


def _in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.pop(key, None)  # the last one wins, and stands last
        found[key] = value
    return found


def _folded(given: dict[str, Any]) -> dict[str, Any]:
    return {key.casefold(): value for key, value in given.items()}


def find(models: Sequence[FakeModel], spelling: str) -> FakeModel | None:
    """The model that any of its many spellings means."""
    wanted = full_name(spelling)
    return next((model for model in models if full_name(model.name) == wanted), None)


def full_name(spelling: str) -> str:
    """registry.ollama.ai/library/NAME:TAG, in one case; refuses what is no name."""
    name = spelling.strip()
    local = name.endswith(":local")
    name = name.removesuffix(":local")
    last = name.rsplit("/", 1)[-1]
    if last.endswith(":cloud") or (":" in last and last.endswith("-cloud")):
        if local or ":local:" in name + ":":
            raise Refused(400, f'use either :local or :cloud, not both: "{spelling}"')
        raise Refused(403, "ollama cloud is disabled: remote model is unavailable")
    name = re.sub(r"^https?://", "", name)
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, "latest"
    parts = path.split("/")
    good = all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", part) for part in [*parts, tag])
    if not good or len(parts) > 3 or ":" in parts[-1]:
        raise Refused(400, "invalid model name")
    return "/".join([*["registry.ollama.ai", "library"][: 3 - len(parts)], *parts, tag]).casefold()


def check(path: str, body: dict[str, Any], model: FakeModel) -> None:
    """Refuse what this model, or any, cannot do."""
    spelt, able = body["model"], model.capabilities
    if path == "/api/chat":
        _check_messages(body)
    if "completion" not in able:
        raise Refused(400, f'"{spelt}" does not support {path.removeprefix("/api/")}')
    for field, need in (("tools", "tools"), ("suffix", "insert")):
        if body.get(field) and need not in able:
            raise Refused(400, f"{_display(model.name)} does not support {need}")
    _check_think(body, model)
    if not 0 <= (body.get("top_logprobs") or 0) <= 20:
        raise Refused(400, "top_logprobs must be between 0 and 20")
    if body.get("raw") and any(body.get(field) for field in ("template", "system", "context")):
        raise Refused(400, "raw mode does not support template, system, or context")
    _check_options(body.get("options"))
    if not (body.get("format") in (None, "", "json") or isinstance(body["format"], dict)):
        message = f'invalid format: {json.dumps(json.dumps(body["format"]))}; expected "json" or'
        raise Refused(500, f"{message} a valid JSON Schema object")


def _display(name: str) -> str:
    return "registry.ollama.ai/" + (name if "/" in name else f"library/{name}")


def _check_think(body: dict[str, Any], model: FakeModel) -> None:
    think = body.get("think")
    if think not in LEVELS or isinstance(think, int) and not isinstance(think, bool):
        raise Refused(400, f"invalid think value: {json.dumps(think)}")
    if think and "thinking" not in model.capabilities:
        raise Refused(400, f'"{body["model"]}" does not support thinking')


def _check_messages(body: dict[str, Any]) -> None:
    messages = body.get("messages") or []
    if not isinstance(messages, list):
        raise Refused(400, "json: cannot unmarshal string into Go struct field messages")
    for message in messages:
        if not isinstance(message.get("content") or "", str):
            raise Refused(400, "json: cannot unmarshal array into Go struct field Alias.content")
        for call in message.get("tool_calls") or []:
            if not isinstance(call["function"].get("arguments") or {}, dict):
                raise Refused(400, "Value looks like object, but can't find closing '}' symbol")
        if any(image.startswith("data:") for image in message.get("images") or []):
            raise Refused(400, "illegal base64 data at input byte 4")
    for tool in body.get("tools") or []:
        if isinstance(tool["function"].get("parameters", {}).get("type"), list):
            raise Refused(400, "json: cannot unmarshal array into parameters.type of type string")


def _check_options(options: Any) -> None:
    if not isinstance(options, dict | None):
        raise Refused(400, "json: cannot unmarshal array into Go struct field options")
    for name, value in (options or {}).items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in INTEGERS and value is not None and not number:
            raise Refused(500, f'option "{name}" must be of type integer')
        if name in FLOATS and value is not None and not number:
            raise Refused(500, f'option "{name}" must be of type float32')
        if name == "stop" and not isinstance(value, list | None):
            raise Refused(500, 'option "stop" must be of type array')


def seconds(keep_alive: Any) -> float | None:
    """How long a model stays after use: None is not said, infinity is for ever."""
    if keep_alive is None:
        return None
    if isinstance(keep_alive, bool):
        raise Refused(400, "time: invalid duration")
    if isinstance(keep_alive, str):
        keep_alive = _duration(keep_alive)
    return float("inf") if keep_alive < 0 else float(keep_alive)


def _duration(text: str) -> float:
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)", text)
    if text not in ("0", "-0") and "".join(a + b for a, b in parts) != text.lstrip("+-"):
        raise Refused(400, f'time: invalid duration "{text}"')
    if not text:
        raise Refused(400, 'time: invalid duration ""')
    total = sum(float(amount) * units[unit] for amount, unit in parts)
    return -total if text.startswith("-") else total
