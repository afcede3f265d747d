"""The parts of the executable, as a CycloneDX document."""

import json
from importlib import metadata
from typing import Any

SPEC_VERSION = "1.6"


def render(version: str, parts: list[metadata.Distribution]) -> str:
    components = [component(part) for part in sorted(parts, key=lambda part: part.name.lower())]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "llamagate",
                "name": "llamagate",
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": components,
        "dependencies": [
            {"ref": "llamagate", "dependsOn": [each["bom-ref"] for each in components]}
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def component(part: metadata.Distribution) -> dict[str, Any]:
    purl = f"pkg:pypi/{part.name.lower().replace('_', '-')}@{part.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": part.name,
        "version": part.version,
        "purl": purl,
        "licenses": [licence(part)],
    }


def licence(part: metadata.Distribution) -> dict[str, Any]:
    if "License-Expression" in part.metadata:
        return {"expression": part.metadata["License-Expression"]}
    return {"license": {"name": licence_of(part)}}


def licence_of(part: metadata.Distribution) -> str:
    """What the package says of its licence: one line, or the last words of its classifier."""
    said = [
        part.metadata[name] for name in ("License-Expression", "License") if name in part.metadata
    ]
    classifiers = part.metadata.get_all("Classifier") or []
    named = [line.split(" :: ")[-1] for line in classifiers if line.startswith("License ::")]
    return said[0].partition("\n")[0] if said else ", ".join(named) or "unknown"
