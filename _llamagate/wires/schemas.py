"""JSON schemas of tools, rewritten so that an engine which knows less of JSON Schema loses nothing.

Ollama keeps only a few keywords of a tool's parameters on their way to the model: `$ref` and
`oneOf` vanish, a type that is a list is an error at the top. What can be said in the words it
keeps is said in them.
"""

from typing import Any, cast

_AGAIN = 2  # times that a schema may stand inside of itself
_MAX_LEVELS = 60  # below which nothing is inlined
_MAX_INLINED = 10_000  # nodes: references fan out, and a small schema must not become a huge one
_SOMETHING = {"type": "object"}  # what is left of a reference that goes on without an end


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with references inlined and `oneOf`, `allOf` and `const` in simpler words."""
    if not schema:
        return {"type": "object", "properties": {}}
    found = cast(dict[str, Any], _Rewriting(schema).node(schema))
    found.pop("$defs", None)
    found.pop("definitions", None)
    if isinstance(found.get("type"), list):
        named = [kind for kind in found["type"] if isinstance(kind, str) and kind != "null"]
        found["type"] = named[0] if named else "object"
    found.setdefault("type", "object")
    found.setdefault("properties", {})
    return found


class _Rewriting:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._open: list[str] = []  # references that are being inlined
        self._level = 0
        self._inlined = 0

    def node(self, node: Any) -> Any:
        self._inlined += bool(self._open)
        self._level += 1
        try:
            if isinstance(node, list):
                return [self.node(item) for item in node]
            if not isinstance(node, dict):
                return node
            if isinstance(node.get("$ref"), str):
                return self._reference(node)
            return _simpler({key: self._value(key, value) for key, value in node.items()})
        finally:
            self._level -= 1

    def _value(self, key: str, value: Any) -> Any:
        if key in ("properties", "$defs", "definitions", "patternProperties"):
            return self._each(value)
        if key in ("enum", "required", "default", "examples", "const"):
            return value  # data, not schemas
        return self.node(value)

    def _each(self, schemas: Any) -> Any:
        if not isinstance(schemas, dict):
            return schemas
        return {
            # true and {} allow anything, but Ollama refuses a boolean where a schema belongs
            name: {} if isinstance(schema, bool) else self.node(schema)
            for name, schema in schemas.items()
        }

    def _reference(self, node: dict[str, Any]) -> Any:
        reference = node["$ref"]
        beside = {key: value for key, value in node.items() if key != "$ref"}
        target = self._find(reference) if self._may_inline(reference) else None
        if target is None:
            return {**_SOMETHING, **self.node(beside)}
        self._open.append(reference)
        try:
            return {**self.node(target), **self.node(beside)}
        finally:
            self._open.pop()

    def _may_inline(self, reference: str) -> bool:
        return (
            self._open.count(reference) < _AGAIN
            and self._level < _MAX_LEVELS
            and self._inlined < _MAX_INLINED
        )

    def _find(self, reference: str) -> dict[str, Any] | None:
        found: Any = self._root
        if not reference.startswith("#"):
            return None  # nothing is fetched
        for step in reference[1:].split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or step not in found:
                return None
            found = found[step]
        return found if isinstance(found, dict) else None


def _simpler(node: dict[str, Any]) -> dict[str, Any]:
    if "oneOf" in node and "anyOf" not in node:
        node["anyOf"] = node.pop("oneOf")
    if "const" in node and "enum" not in node:
        node["enum"] = [node.pop("const")]
    parts = node.get("allOf")
    if isinstance(parts, list) and all(isinstance(part, dict) for part in parts):
        del node["allOf"]
        for part in parts:
            _merge(node, part)
    return node


def _merge(into: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if key == "properties" and isinstance(value, dict):
            into["properties"] = {**into.get("properties", {}), **value}
        elif key == "required" and isinstance(value, list):
            known = into.get("required", [])
            into["required"] = [*known, *(name for name in value if name not in known)]
        else:
            into.setdefault(key, value)
