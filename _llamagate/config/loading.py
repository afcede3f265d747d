"""From the environment, .env and llamagate.toml to one Config, or to all that is wrong with them.

Reading the process's own environment is left to the command line: it comes in as an argument.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from types import MappingProxyType
from typing import cast

from _llamagate.config.checks import check
from _llamagate.config.settings import SETTINGS, Config, Setting
from _llamagate.config.structure import STRUCTURES, Structure, StructureReader, meant, scalar
from _llamagate.config.values import ConfigError, EngineSettings, RateLimit

PREFIX = "LLAMAGATE_"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_NAMES = {row.name: row for row in SETTINGS.values()}
_ALL_NAMES = {name for row in SETTINGS.values() for name in (row.name, *row.aliases)}
# What Kubernetes and Docker put into a container beside a service called "llamagate".
_SERVICE_LINK = re.compile(r"LLAMAGATE_(SERVICE_|PORT_\d+_|ENV_|NAME$)")


@dataclass(frozen=True, slots=True)
class Layer:
    """One place where settings are written."""

    title: str
    values: Mapping[str, str]
    base: Path  # relative paths in it start here


@dataclass(frozen=True, slots=True)
class Found:
    """A setting as written, and where."""

    name: str
    text: str
    layer: Layer

    @property
    def title(self) -> str:
        return f"{self.name} ({self.layer.title})"


@dataclass(slots=True)
class _Loading:
    """One load while it goes on."""

    environ: Mapping[str, str]
    cwd: Path
    places: list[Path]
    layers: list[Layer]
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    files: dict[str, Path | None] = field(default_factory=dict)
    found: dict[str, Found] = field(default_factory=dict)


def load(
    environ: Mapping[str, str],
    cwd: Path,
    exe_dir: Path | None = None,
    config_file: Path | None = None,
    overrides: Mapping[str, str] = _NOTHING,
) -> Config:
    """What is in force. `config_file` is a .toml file or, by any other name, a .env file;
    `overrides` are settings by name that win over everything."""
    places = [config_file.parent] if config_file else []
    places += [cwd, *([exe_dir] if exe_dir else [])]
    loading = _Loading(
        dict(environ),
        cwd,
        [(cwd / place).absolute() for place in places],
        [Layer("command line", overrides, cwd), Layer("environment", environ, cwd)],
    )
    env_layer, document = _read_files(loading, config_file)
    _report_unknown_names(loading, env_layer)
    config = _scalars(loading)
    structure = _structure(loading, document, config)
    config = _join(loading, config, structure)
    loading.warnings += check(config, loading.problems)
    if loading.problems:
        raise ConfigError(loading.problems)
    return replace(config, warnings=tuple(loading.warnings))


# ---------------------------------------------------------------- files


def _read_files(
    loading: _Loading, config_file: Path | None
) -> tuple[Layer, Mapping[str, object]]:
    given = (loading.cwd / config_file).absolute() if config_file else None
    if given and not given.is_file():
        loading.problems.append(f"--config {given}: there is no such file.")
        given = None
    toml_given = given if given and given.suffix == ".toml" else None
    loading.files[".env"] = (given if given != toml_given else None) or _first(
        loading, ".env", _data_dir(loading)
    )
    env_layer = _env_layer(loading, loading.files[".env"])
    loading.layers.append(env_layer)
    data_dir = _data_dir(loading)
    loading.files["llamagate.toml"] = toml_given or _first(loading, "llamagate.toml", data_dir)
    document = _document(loading, loading.files["llamagate.toml"])
    loading.files["tokens.json"] = _first(loading, "tokens.json", data_dir)
    return env_layer, document


def _first(loading: _Loading, name: str, data_dir: Path) -> Path | None:
    return next((p / name for p in [*loading.places, data_dir] if (p / name).is_file()), None)


def _env_layer(loading: _Loading, file: Path | None) -> Layer:
    if file is None:
        return Layer(".env", {}, loading.cwd)
    from dotenv.parser import parse_stream  # 30 ms that a start without .env need not pay

    values: dict[str, str] = {}
    for line in parse_stream(StringIO(_text(loading, file))):
        if line.error:
            number = line.original.line
            loading.problems.append(f"{file}: line {number} is not of the form NAME=value.")
        elif line.key is not None:
            values[line.key] = line.value or ""
    return Layer(str(file), values, file.parent)


def _document(loading: _Loading, file: Path | None) -> Mapping[str, object]:
    """The whole file; what in it is a setting becomes the lowest layer."""
    if file is None:
        return {}
    try:
        document = tomllib.loads(_text(loading, file))
    except tomllib.TOMLDecodeError as wrong:
        loading.problems.append(f"{file} is not TOML: {wrong}.")
        return {}
    values: dict[str, str] = {}
    known = {name.lower() for name in _ALL_NAMES} | set(STRUCTURES)
    for key, value in document.items():
        if key in STRUCTURES:
            continue
        if key not in known:
            hint = meant(key, dict.fromkeys(sorted(known)))
            loading.problems.append(f"{file}: {key} is unknown{hint}.")
            continue
        try:
            values[key.upper()] = scalar(value)
        except ValueError as wrong:
            loading.problems.append(f"{file}: {key} must be {wrong}.")
    loading.layers.append(Layer(str(file), values, file.parent))
    return document


def _text(loading: _Loading, file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        loading.problems.append(f"{file} is not UTF-8; save it in that encoding.")
    except OSError as wrong:
        loading.problems.append(f"{file} cannot be read: {wrong.strerror}.")
    return ""


def _data_dir(loading: _Loading) -> Path:
    """Where DATA_DIR is as far as the layers read so far say; the .env in it comes too late."""
    found = _find(SETTINGS["data_dir"], loading.layers)
    if found and found.text:
        return _absolute(loading, Path(found.text), found.layer.base)
    return default_data_dir(loading.environ, loading.cwd)


def default_data_dir(environ: Mapping[str, str], cwd: Path) -> Path:
    home = environ.get("HOME") or environ.get("USERPROFILE")
    if sys.platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "LlamaGate"
    if sys.platform == "darwin" and home:
        return Path(home) / "Library" / "Application Support" / "LlamaGate"
    if environ.get("XDG_DATA_HOME"):
        return Path(environ["XDG_DATA_HOME"]) / "llamagate"
    return Path(home) / ".local" / "share" / "llamagate" if home else cwd / "llamagate-data"


def _absolute(loading: _Loading, path: Path, base: Path) -> Path:
    home = loading.environ.get("HOME") or loading.environ.get("USERPROFILE")
    if home and path.parts[:1] == ("~",):
        path = Path(home, *path.parts[1:])
    return (base / path).absolute()


# ---------------------------------------------------------------- single settings


def _find(row: Setting, layers: list[Layer]) -> Found | None:
    """The command line first; then LLAMAGATE_ names wherever they stand, since other programs'
    HOST and DEBUG are in the environment too; then name before alias, layer by layer. A setting
    that is there but empty hides the layers below."""
    command_line, *others = layers
    names: Iterator[tuple[Layer, str]] = iter(
        [(command_line, row.name)]
        + [(layer, PREFIX + row.name) for layer in others]
        + [(layer, name) for layer in others for name in (row.name, *row.aliases)]
    )
    for layer, name in names:
        if name in layer.values and not _is_service_link(name, layer.values[name]):
            return Found(name, _tidy(layer.values[name]), layer)
    return None


def _tidy(text: str) -> str:
    """Without the blanks and quotes that `set X="y"` of Windows leaves in the value."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _is_service_link(name: str, text: str) -> bool:
    return bool(_SERVICE_LINK.match(name)) or (
        name == "LLAMAGATE_PORT" and text.startswith(("tcp://", "udp://"))
    )


def _scalars(loading: _Loading) -> Config:
    values: dict[str, object] = {}
    written: dict[str, str] = {}
    sources: dict[str, str] = {}
    for attribute, row in SETTINGS.items():
        found = _find(row, loading.layers)
        written[row.name], sources[row.name] = row.shown or row.default, "default"
        if found is None or not found.text:
            continue
        loading.found[row.name] = found
        translation = row.words.get(found.name, _NOTHING)
        text = translation.get(found.text.lower(), translation.get("*", found.text))
        written[row.name] = text
        sources[row.name] = found.layer.title + (f" {found.name}" if found.name != row.name else "")
        try:
            value = row.parse(text)
        except ValueError as wrong:
            loading.problems.append(_sentence(row, found, str(wrong)))
            continue
        if isinstance(value, Path):
            value = _absolute(loading, value, found.layer.base)
        values[attribute] = value
    make = cast("Callable[..., Config]", Config)
    return make(**values, written=MappingProxyType(written), sources=MappingProxyType(sources))


def _sentence(row: Setting, found: Found, accepted: str) -> str:
    hidden = row.secret or "@" in found.text
    what = "" if hidden else f" is {found.text!r} and"
    whose = ""
    if found.layer.title == "environment" and found.name in ("HOST", "DEBUG", "PORT"):
        whose = f" If another program set it, set {PREFIX}{found.name}, which wins."
    return f"{found.title}{what} must be {accepted}.{whose}"


def _report_unknown_names(loading: _Loading, env_layer: Layer) -> None:
    known = dict.fromkeys(sorted(PREFIX + name for name in _NAMES))
    for layer in loading.layers[1:]:
        for name, text in layer.values.items():
            if not name.startswith(PREFIX) or name in known or _is_service_link(name, text):
                continue
            if not name.endswith("_API_KEY"):
                loading.problems.append(
                    f"{name} ({layer.title}) is not a setting{meant(name, known)}."
                )
    for name in env_layer.values:
        hint = meant(name, dict.fromkeys(sorted(_ALL_NAMES)))
        if name not in _ALL_NAMES and hint and not name.endswith("_API_KEY"):
            loading.warnings.append(f"{name} ({env_layer.title}) is not a setting{hint}.")


# ---------------------------------------------------------------- together


def _structure(loading: _Loading, document: Mapping[str, object], config: Config) -> Structure:
    base = EngineSettings(
        "", "ollama", "", timeout=config.timeout, probe_timeout=config.health_check_timeout
    )
    file = loading.files["llamagate.toml"]
    found = StructureReader(document, str(file), loading.problems).read(base)
    declared = [
        replace(
            engine,
            key=engine.key or _engine_key(loading, engine.name),
            ca_file=str(_absolute(loading, Path(engine.ca_file), file.parent))
            if engine.ca_file and file
            else "",
        )
        for engine in found.engines
    ]
    found.engines = _simple_engines(loading, config, base, bool(declared)) + declared
    return found


def _simple_engines(
    loading: _Loading, config: Config, base: EngineSettings, others: bool
) -> list[EngineSettings]:
    """Those of OLLAMA_HOST and OPENAI_ENGINES."""
    hosts = config.ollama_host
    if others and "OLLAMA_HOST" not in loading.found:
        hosts = ()
    engines = [
        replace(base, name="ollama" if count == 1 else f"ollama-{count}", url=url)
        for count, url in enumerate(hosts, 1)
    ]
    for name, url in config.openai_engines:
        key = _engine_key(loading, name)
        engines.append(replace(base, name=name, kind="openai", url=url, key=key))
    return engines


def _engine_key(loading: _Loading, engine: str) -> str:
    name = re.sub(r"[^A-Z0-9]", "_", engine.upper()) + "_API_KEY"
    for layer_name in (PREFIX + name, name):
        for layer in loading.layers[1:]:
            if text := _tidy(layer.values.get(layer_name, "")):
                return text
    return ""


def _join(loading: _Loading, config: Config, structure: Structure) -> Config:
    found = loading.found
    named = dict(found)
    data_dir = config.data_dir if "DATA_DIR" in named else _data_dir(loading)
    tokens_file = loading.files["tokens.json"] or loading.cwd / "tokens.json"
    models = [config.ollama_model, config.model_name]
    if config.model_backend == "transformers":
        models.reverse()
    by_rps = RateLimit(config.rate_limit_rps, max(1.0, config.rate_limit_rps))
    return replace(
        config,
        data_dir=data_dir,
        surface_ports=config.surface_ports
        if "SURFACE_PORTS" in named
        else tuple(structure.surface_ports),
        tokens_file=config.tokens_file if "TOKENS_FILE" in named else tokens_file,
        tokens_file_set="TOKENS_FILE" in named,
        rate_limit=config.rate_limit if "RATE_LIMIT" in named else by_rps,
        rate_limit_set=not named.keys().isdisjoint({"RATE_LIMIT", "RATE_LIMIT_RPS"}),
        generate_style_set="GENERATE_STYLE" in named,
        default_model=models[0] or models[1],
        aliases=MappingProxyType({**structure.aliases, **config.aliases}),
        engines=tuple(structure.engines),
        models=MappingProxyType(structure.models),
        keys=tuple(structure.keys),
        roles=MappingProxyType(structure.roles),
        cloud_models=structure.cloud_models,
        files=MappingProxyType(loading.files),
    )
