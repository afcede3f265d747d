"""From what is written in all places to one Config, or to all that is wrong with it.

Reading the process's own environment is left to the command line: it comes in as an argument.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import cast

from _llamagate.config.checks import check
from _llamagate.config.settings import SETTINGS, Config, Setting
from _llamagate.config.sources import ALL_NAMES, PREFIX, Found, Sources, is_service_link
from _llamagate.config.structure import Structure, StructureReader, meant
from _llamagate.config.values import ConfigError, EngineSettings, RateLimit

_NOTHING: Mapping[str, str] = MappingProxyType({})
_AROUND_THE_CONTAINER = "http://host.docker.internal:11434"  # Ollama on the machine that runs it


def load(
    environ: Mapping[str, str],
    cwd: Path,
    exe_dir: Path | None = None,
    config_file: Path | None = None,
    overrides: Mapping[str, str] = _NOTHING,
    in_container: bool = False,
) -> Config:
    """What is in force. `config_file` is a .toml file or, by any other name, a .env file;
    `overrides` are settings by name that win over everything."""
    problems: list[str] = []
    folders = [config_file.parent if config_file else None, cwd, exe_dir]
    sources = Sources(environ, cwd, [folder for folder in folders if folder], problems)
    sources.read(overrides, config_file)
    problems += _unknown_names(sources)
    config = _rows(sources, problems)
    if in_container and config.sources["OLLAMA_HOST"] == "default":
        config = replace(config, ollama_host=(*config.ollama_host, _AROUND_THE_CONTAINER))
    config = _with_structure(config, sources, problems)
    config = _with_consequences(config, sources)
    warnings = _misspelt_names(sources) + check(config, problems)
    if problems:
        raise ConfigError(problems)
    return replace(config, warnings=tuple(warnings))


def _rows(sources: Sources, problems: list[str]) -> Config:
    values: dict[str, object] = {}
    written: dict[str, str] = {}
    origins: dict[str, str] = {}
    for attribute, row in SETTINGS.items():
        found = sources.find(row)
        if found is None or not found.text:
            written[row.name], origins[row.name] = row.shown or row.default, "default"
            continue
        written[row.name] = found.text
        other_name = "" if found.name == row.name else f" {found.name}"
        origins[row.name] = found.layer.title + other_name
        try:
            value = row.parse(found.text)
        except ValueError as wrong:
            problems.append(_sentence(row, found, str(wrong)))
            continue
        if isinstance(value, Path):
            value = sources.absolute(value, found.layer.base)
        values[attribute] = value
    make = cast("Callable[..., Config]", Config)
    return make(**values, written=MappingProxyType(written), sources=MappingProxyType(origins))


def _sentence(row: Setting, found: Found, accepted: str) -> str:
    what = "" if row.secret or "@" in found.text else f" is {found.text!r} and"
    sentence = f"{found.name} ({found.layer.title}){what} must be {accepted}."
    if found.layer.title == "environment" and found.name in ("HOST", "DEBUG", "PORT"):
        sentence += f" If another program set it, set {PREFIX}{found.name}, which wins."
    return sentence


def _unknown_names(sources: Sources) -> list[str]:
    """Only our own prefix is ours alone; of other names, `_misspelt_names` may warn."""
    known = [PREFIX + row.name for row in SETTINGS.values()]
    return [
        f"{name} ({layer.title}) is not a setting{meant(name, known)}."
        for layer in sources.layers
        for name, text in layer.values.items()
        if name.startswith(PREFIX)
        and name not in known
        and not name.endswith("_API_KEY")  # of an engine
        and not is_service_link(name, text)
    ]


def _misspelt_names(sources: Sources) -> list[str]:
    env_file = sources.layers[2]
    return [
        f"{name} ({env_file.title}) is not a setting{hint}."
        for name in env_file.values
        if name not in ALL_NAMES
        and not name.endswith("_API_KEY")
        and (hint := meant(name, ALL_NAMES))
    ]


def _with_structure(config: Config, sources: Sources, problems: list[str]) -> Config:
    base = EngineSettings(
        "", "ollama", "", timeout=config.timeout, probe_timeout=config.health_check_timeout
    )
    file = sources.files["llamagate.toml"]
    structure = StructureReader(sources.document, str(file), problems).read(base)
    ports = config.surface_ports or tuple(structure.surface_ports)
    return replace(
        config,
        surface_ports=ports,
        aliases=MappingProxyType({**structure.aliases, **config.aliases}),
        engines=tuple(_engines(config, structure, base, sources)),
        models=MappingProxyType(structure.models),
        keys=tuple(structure.keys),
        roles=MappingProxyType(structure.roles),
        cloud_models=structure.cloud_models,
    )


def _engines(
    config: Config, structure: Structure, base: EngineSettings, sources: Sources
) -> list[EngineSettings]:
    """Whoever lists engines in llamagate.toml means these, not also Ollama's usual address."""
    hosts = config.ollama_host
    if structure.engines and config.sources["OLLAMA_HOST"] == "default":
        hosts = ()
    engines = [
        replace(base, name="ollama" if count == 1 else f"ollama-{count}", url=url)
        for count, url in enumerate(hosts, 1)
    ]
    for name, url in config.openai_engines:
        engines.append(replace(base, name=name, kind="openai", url=url, key=sources.key_of(name)))
    for engine in structure.engines:
        key = engine.key or sources.key_of(engine.name)
        engines.append(replace(engine, key=key, ca_file=_ca_file(engine, sources)))
    if hub := _hub_models(config):
        engines.append(replace(base, name="transformers", kind="transformers", models=hub, slots=1))
    return engines


def _hub_models(config: Config) -> tuple[str, ...]:
    """What transformers may serve: one request at a time, which is all it does."""
    own = (config.model_name,) if config.model_backend == "transformers" else ()
    return tuple(dict.fromkeys(name for name in (*own, *config.hf_models) if name))


def _ca_file(engine: EngineSettings, sources: Sources) -> str:
    file = sources.files["llamagate.toml"]
    if not engine.ca_file or file is None:
        return ""
    return str(sources.absolute(Path(engine.ca_file), file.parent))


def _with_consequences(config: Config, sources: Sources) -> Config:
    """What follows where several settings speak of one thing, or none does."""
    named = {name for name, origin in config.sources.items() if origin != "default"}
    by_rps = RateLimit(config.rate_limit_rps, max(1.0, config.rate_limit_rps))
    models = [config.ollama_model, config.model_name]
    if config.model_backend == "transformers":
        models.reverse()
    tokens_file = sources.files["tokens.json"] or sources.cwd / config.tokens_file
    return replace(
        config,
        environ=MappingProxyType(dict(sources.environ)),
        data_dir=sources.data_dir(),
        default_model=models[0] or models[1],
        tokens_file=config.tokens_file if "TOKENS_FILE" in named else tokens_file,
        tokens_file_set="TOKENS_FILE" in named,
        rate_limit=config.rate_limit if "RATE_LIMIT" in named else by_rps,
        rate_limit_set=not named.isdisjoint({"RATE_LIMIT", "RATE_LIMIT_RPS"}),
        generate_style_set="GENERATE_STYLE" in named,
        places=sources.places,
        files=MappingProxyType(sources.files),
    )
