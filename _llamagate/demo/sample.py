"""A value that a JSON schema allows. Small on purpose: the keywords that tools and formats use."""

import re
from typing import Any

_DEEPEST = 12  # a schema may contain itself
_BY_FORMAT = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/demo",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Any, hint: str = "") -> Any:
    """One value. Strings come from `hint`, what the user said, where a word of it may fit."""
    root = schema if isinstance(schema, dict) else {}
    return _Sampler(root, hint).value(root, name="", depth=0)


class _Sampler:
    def __init__(self, root: dict[str, Any], hint: str) -> None:
        self._root = root
        self._names = re.findall(r"(?<=[a-z,:;] )[A-Z]\w+", hint)  # Paris, in "weather in Paris"

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > _DEEPEST:
            return None
        if "$ref" in schema:
            return self.value(self._referred(schema["$ref"]), name, depth + 1)
        for keyword in ("const", "default"):
            if keyword in schema:
                return schema[keyword]
        for keyword in ("enum", "examples"):
            if schema.get(keyword):
                return schema[keyword][0]
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                return self.value(schema[keyword][0], name, depth + 1)
        if schema.get("allOf"):
            merged = {key: value for part in schema["allOf"] for key, value in part.items()}
            return self.value(merged, name, depth + 1)
        return self._of_type(schema, name, depth)

    def _of_type(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        kind = schema.get("type")
        match kind[0] if isinstance(kind, list) and kind else kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                count = max(schema.get("minItems", 0), min(1, schema.get("maxItems", 1)))
                return [self.value(schema.get("items"), name, depth + 1) for _ in range(count)]
            case "integer":
                return int(_number(schema, step=1))
            case "number":
                return _number(schema, step=0.5)
            case "boolean":
                return True
            case "null":
                return None
            case "string":
                return self._text(schema, name)
        return self._object(schema, depth) if "properties" in schema else self._text(schema, name)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        wanted = schema.get("required") or list(properties)
        return {name: self.value(properties.get(name, {}), name, depth + 1) for name in wanted}

    def _text(self, schema: dict[str, Any], name: str) -> str:
        if schema.get("format") in _BY_FORMAT:
            return _BY_FORMAT[schema["format"]]
        text = self._names[-1] if self._names else f"demo {name}".strip()
        return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]

    def _referred(self, pointer: str) -> Any:
        found: Any = self._root
        for key in pointer.lstrip("#/").split("/"):
            found = found.get(key, {}) if isinstance(found, dict) else {}
        return found


def _number(schema: dict[str, Any], step: float) -> float:
    """The least one allowed, 1 where there is no limit."""
    if "minimum" in schema:
        return float(schema["minimum"])
    if "exclusiveMinimum" in schema:
        return float(schema["exclusiveMinimum"] + step)
    highest = schema.get("maximum", schema.get("exclusiveMaximum", 2) - step)
    return float(min(1, highest))
