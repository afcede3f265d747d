"""`llamagate config`: what is in force, where each setting came from, which files were found."""

import json

from _llamagate.config import GROUPS, SETTINGS, Config, Setting


def config(in_force: Config, *, as_json: bool) -> int:
    print(_json(in_force) if as_json else _text(in_force))
    return 0


def _json(config: Config) -> str:
    settings = {
        row.name: {"value": _shown(row, config), "source": config.sources[row.name]}
        for row in SETTINGS.values()
    }
    engines = [
        {
            "name": engine.name,
            "kind": engine.kind,
            "url": engine.url,
            "key": "(set)" if engine.key else "",
        }
        for engine in config.engines
    ]
    files = {name: file and str(file) for name, file in config.files.items()}
    facts = {"settings": settings, "engines": engines, "files": files, "warnings": config.warnings}
    return json.dumps(facts, indent=2, ensure_ascii=False)


def _text(config: Config) -> str:
    lines = []
    width = max(len(row.name) for row in SETTINGS.values())
    for group, title in GROUPS.items():
        lines += ["", title]
        for row in SETTINGS.values():
            if row.group == group:
                source = config.sources[row.name]
                origin = "" if source == "default" else f"   <- {source}"
                lines.append(f"  {row.name:<{width}}  {_shown(row, config)}{origin}".rstrip())
    lines += ["", "Engines in use"]
    for engine in config.engines:
        address = f" at {engine.url}" if engine.url else ""
        lines.append(f"  {engine.name} ({engine.kind}){address}")
    lines += ["", "Files"]
    lines += [f"  {name:<14}  {file or '(none found)'}" for name, file in config.files.items()]
    if config.warnings:
        lines += ["", "Worth a look", *(f"  {warning}" for warning in config.warnings)]
    return "\n".join(lines[1:])


def _shown(row: Setting, config: Config) -> str:
    written = config.written[row.name]
    if row.name == "DATA_DIR":
        return str(config.data_dir)
    if row.name == "TOKENS_FILE":
        return str(config.tokens_file)
    return "(set)" if row.secret and written else written
