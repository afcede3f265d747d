"""JSON schemas of tools, rewritten so that an engine which knows less of JSON Schema loses nothing.

Ollama keeps only a few keywords of a tool's parameters on their way to the model: `$ref` and
`oneOf` vanish, a type that is a list is an error at the top. What can be said in the words it
keeps is said in them.
"""

from typing import Any, cast

from _llamagate.errors import InvalidRequest

_MAX_DEPTH = 24  # of nested references: a schema that refers to itself has no end
_MAX_NODES = 10_000  # references fan out: a small schema must not become a huge one


def plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with references inlined and `oneOf`, `allOf` and `const` in simpler words."""
    if not schema:
        return {"type": "object", "properties": {}}
    found = cast(dict[str, Any], _Rewriting(schema).node(schema, 0))
    found.pop("$defs", None)
    found.pop("definitions", None)
    if isinstance(found.get("type"), list):
        found["type"] = next((kind for kind in found["type"] if kind != "null"), "object")
    found.setdefault("type", "object")
    found.setdefault("properties", {})
    return found


class _Rewriting:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def node(self, node: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise InvalidRequest("A tool's parameters refer to too much.", param="tools")
        if isinstance(node, list):
            return [self.node(item, depth) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            return self._reference(node, depth)
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key in ("properties", "$defs", "definitions", "patternProperties"):
                found[key] = self._each(value, depth)
            elif key in ("enum", "required", "default", "examples", "const"):
                found[key] = value  # data, not schemas
            else:
                found[key] = self.node(value, depth)
        return _simpler(found)

    def _each(self, schemas: Any, depth: int) -> Any:
        if not isinstance(schemas, dict):
            return schemas
        return {
            # true and {} allow anything, but Ollama refuses a boolean where a schema belongs
            name: {} if isinstance(schema, bool) else self.node(schema, depth)
            for name, schema in schemas.items()
        }

    def _reference(self, node: dict[str, Any], depth: int) -> Any:
        beside = {key: value for key, value in node.items() if key != "$ref"}
        target = self._find(node["$ref"]) if depth < _MAX_DEPTH else None
        if target is None:
            return self.node(beside, depth + 1) if beside else {"type": "object"}
        return {**self.node(target, depth + 1), **self.node(beside, depth + 1)}

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
