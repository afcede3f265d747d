"""Where settings are written: command line, environment, .env, llamagate.toml; and which wins.

Nothing here knows what a value means, only that it is text with a name in a place.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from _llamagate.config.settings import SETTINGS, Setting
from _llamagate.config.structure import STRUCTURES, meant, scalar

PREFIX = "LLAMAGATE_"
ALL_NAMES = sorted({name for row in SETTINGS.values() for name in (row.name, *row.aliases)})
_NOTHING: Mapping[str, str] = {}
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


class Sources:
    """All places, read. `problems` gets what could not be."""

    def __init__(
        self, environ: Mapping[str, str], cwd: Path, folders: Iterable[Path], problems: list[str]
    ) -> None:
        self.layers: list[Layer] = []  # the strongest first
        self.files: dict[str, Path | None] = {}
        self.document: Mapping[str, object] = {}
        self.environ = environ
        self.cwd = cwd
        self._folders = tuple((cwd / folder).absolute() for folder in folders)
        self._problems = problems

    def read(self, overrides: Mapping[str, str], config_file: Path | None) -> None:
        given = (self.cwd / config_file).absolute() if config_file else None
        if given and not given.is_file():
            self._problems.append(f"--config {given}: there is no such file.")
        is_toml = given is not None and given.suffix == ".toml"
        self.layers = [
            Layer("command line", overrides, self.cwd),
            Layer("environment", self.environ, self.cwd),
        ]
        self.files[".env"] = given if given and not is_toml else self._first(".env")
        self.layers.append(self._env_layer(self.files[".env"]))
        self.files["llamagate.toml"] = given if is_toml else self._first("llamagate.toml")
        self.layers.append(self._toml_layer(self.files["llamagate.toml"]))
        self.files["tokens.json"] = self._first("tokens.json")

    def find(self, row: Setting) -> Found | None:
        """The command line first. Then LLAMAGATE_ names wherever they stand, for the HOST and
        DEBUG of other programs are in the environment too. Then, layer by layer, the name and its
        aliases. A setting that is there but empty hides the layers below it."""
        command_line, *others = self.layers
        names = [(command_line, row.name)]
        names += [(layer, PREFIX + row.name) for layer in others]
        names += [(layer, name) for layer in others for name in (row.name, *row.aliases)]
        for layer, name in names:
            if name not in layer.values or is_service_link(name, layer.values[name]):
                continue
            text = tidy(layer.values[name])
            words = row.words.get(name, _NOTHING)
            translated = words.get(text.lower(), words.get("*", text))
            if translated or not text:
                return Found(name, translated, layer)
        return None

    def key_of(self, engine: str) -> str:
        """<NAME>_API_KEY."""
        name = re.sub(r"[^A-Z0-9]", "_", engine.upper()) + "_API_KEY"
        for spelling in (PREFIX + name, name):
            for layer in self.layers:
                if text := tidy(layer.values.get(spelling, "")):
                    return text
        return ""

    def absolute(self, path: Path, base: Path) -> Path:
        if path.parts[:1] == ("~",) and (home := _home(self.environ)):
            path = Path(home, *path.parts[1:])
        return (base / path).absolute()

    def data_dir(self) -> Path:
        """As the layers read so far have it: a .env that lies in it cannot move it."""
        found = self.find(SETTINGS["data_dir"])
        if found and found.text:
            return self.absolute(Path(found.text), found.layer.base)
        return default_data_dir(self.environ, self.cwd)

    @property
    def places(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((*self._folders, self.data_dir())))

    def _first(self, name: str) -> Path | None:
        return next((place / name for place in self.places if (place / name).is_file()), None)

    def _env_layer(self, file: Path | None) -> Layer:
        if file is None:
            return Layer(".env", {}, self.cwd)
        from dotenv.parser import parse_stream  # 30 ms that a start without .env need not pay

        values: dict[str, str] = {}
        for line in parse_stream(StringIO(self._text(file))):
            if line.error:
                number = line.original.line
                self._problems.append(f"{file}: line {number} is not of the form NAME=value.")
            elif line.key is not None:
                values[line.key] = line.value or ""
        return Layer(str(file), values, file.parent)

    def _toml_layer(self, file: Path | None) -> Layer:
        """Keeps the whole file as `document`; what in it is a single setting becomes a layer."""
        if file is None:
            return Layer("llamagate.toml", {}, self.cwd)
        try:
            self.document = tomllib.loads(self._text(file))
        except tomllib.TOMLDecodeError as wrong:
            self._problems.append(f"{file} is not TOML: {wrong}.")
        values: dict[str, str] = {}
        known = [name.lower() for name in ALL_NAMES] + list(STRUCTURES)
        for key, value in self.document.items():
            if key not in known:
                self._problems.append(f"{file}: {key} is unknown{meant(key, known)}.")
            elif key not in STRUCTURES:
                try:
                    values[key.upper()] = scalar(value)
                except ValueError as wrong:
                    self._problems.append(f"{file}: {key} must be {wrong}.")
        return Layer(str(file), values, file.parent)

    def _text(self, file: Path) -> str:
        try:
            return file.read_text("utf-8-sig")
        except UnicodeDecodeError:
            self._problems.append(f"{file} is not UTF-8; save it in that encoding.")
        except FileNotFoundError:
            pass  # named by --config, and reported there
        except OSError as wrong:
            self._problems.append(f"{file} cannot be read: {wrong.strerror}.")
        return ""


def tidy(text: str) -> str:
    """Without the blanks and quotes that `set X="y"` of Windows leaves in the value."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def is_service_link(name: str, text: str) -> bool:
    return bool(_SERVICE_LINK.match(name)) or (
        name == "LLAMAGATE_PORT" and text.startswith(("tcp://", "udp://"))
    )


def default_data_dir(environ: Mapping[str, str], cwd: Path) -> Path:
    home = _home(environ)
    if sys.platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "LlamaGate"
    if sys.platform == "darwin" and home:
        return Path(home) / "Library" / "Application Support" / "LlamaGate"
    if environ.get("XDG_DATA_HOME"):
        return Path(environ["XDG_DATA_HOME"]) / "llamagate"
    return Path(home) / ".local" / "share" / "llamagate" if home else cwd / "llamagate-data"


def _home(environ: Mapping[str, str]) -> str:
    return environ.get("HOME") or environ.get("USERPROFILE") or ""
