"""The files of Hugging Face models: fetched once, by a step of its own, into the data folder.

What a model can do is read from its files. Serving them is `child`'s.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from cachetools import LRUCache, TTLCache

from _llamagate.background import spawn
from _llamagate.engines.python import Python, lines, stop
from _llamagate.errors import (
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineLacksModel,
    EngineRefused,
    EngineTimeout,
)
from _llamagate.exchange import Fields

_log = logging.getLogger("llamagate.engines.snapshots")
_MOST_DOWNLOADS = 8  # one at a time comes in, the others wait
_REMEMBERED = 64
_REST = 30.0  # seconds between two tries at what could not be fetched
_STEP = 0.1  # of a download, between two lines of the log
_PATH = re.compile(r"[/~\\]|\.[/\\]|[A-Za-z]:[/\\]")
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")  # of what is no text


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A model's files, and what they say it can do."""

    folder: Path
    talks: bool  # has a template for chats
    calls: bool  # has one that knows tools
    sees: bool
    hears: bool
    context: int


@dataclass(slots=True)
class _Download:
    task: "asyncio.Task[Snapshot | EngineError]" = field(init=False)
    done: int = 0  # bytes
    of: int = 0

    def __str__(self) -> str:
        if not self.of:
            return "to be downloaded"
        return f"downloading, {100 * self.done // self.of} % of {self.of / 1e6:,.1f} MB"


class Snapshots:
    """`folder` holds a cache as Hugging Face's own tools keep it, and notes of what is complete."""

    def __init__(self, python: Python, folder: Path, token: str, patience: float) -> None:
        self.hub = folder / "hub"
        self._folder = folder
        self._notes = folder / "complete"
        self._python = python
        self._token = token
        self._patience = patience  # seconds without a byte
        self._known: LRUCache[str, Snapshot] = LRUCache(_REMEMBERED)
        self._failed: TTLCache[str, EngineError] = TTLCache(_REMEMBERED, _REST)
        self._downloads: dict[str, _Download] = {}
        self._line = asyncio.Lock()

    async def get(self, model: str) -> Snapshot:
        """Waits while it is downloaded, which goes on when nobody waits any more."""
        if found := await self.here(model):
            return found
        if failure := self._failed.get(model):
            raise failure.with_traceback(None)
        download = self._downloads.get(model) or self._begin(model)
        outcome = await asyncio.shield(download.task)
        if isinstance(outcome, EngineError):
            raise outcome.with_traceback(None)
        return outcome

    async def here(self, model: str) -> Snapshot | None:
        """The same, if it need not be downloaded."""
        found = self._known.get(model) or await asyncio.to_thread(self._find, model)
        if found:
            self._known[model] = found
        return found

    async def names(self) -> list[str]:
        """Of the models that have been downloaded."""
        return await asyncio.to_thread(self._noted)

    @property
    def activity(self) -> list[str]:
        return [f"{model}: {download}" for model, download in self._downloads.items()]

    async def close(self) -> None:
        tasks = [download.task for download in self._downloads.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # ------------------------------------------------------------ what is there

    def _find(self, model: str) -> Snapshot | None:
        if _PATH.match(model):
            return describe(Path(model).expanduser().absolute(), model)
        folder = _read(self._note(model)).get("folder")
        if not isinstance(folder, str) or not Path(folder).is_dir():
            return None
        return describe(Path(folder), model)

    def _note(self, model: str) -> Path:
        return self._notes / f"{model.lower().replace('/', '--')}.json"

    def _noted(self) -> list[str]:
        names = [_read(file).get("model") for file in sorted(self._notes.glob("*.json"))]
        return [name for name in names if isinstance(name, str)]

    def _take_note(self, model: str, folder: str) -> None:
        note = self._note(model)
        draft = note.with_suffix(".draft")
        draft.write_bytes(orjson.dumps({"model": model, "folder": folder}))
        draft.replace(note)

    # ------------------------------------------------------------ what is not

    def _begin(self, model: str) -> _Download:
        if len(self._downloads) >= _MOST_DOWNLOADS:
            raise EngineBusy(
                f"{_MOST_DOWNLOADS} models are being downloaded; `{model}` has to wait.",
                retry_after=60,
            )
        download = self._downloads[model] = _Download()
        download.task = spawn(self._download(model, download), f"download {model}")
        return download

    async def _download(self, model: str, download: _Download) -> Snapshot | EngineError:
        try:
            async with self._line:
                folder = await self._fetch(model, download)
            await asyncio.to_thread(self._take_note, model, folder)
            _log.info("download_finished", extra={"model": model, "bytes": download.of})
            return await asyncio.to_thread(describe, Path(folder), model)
        except EngineError as error:
            return self._give_up(model, error)
        except OSError as exc:
            reason = f"`{model}` cannot be kept in DATA_DIR: {exc.strerror or exc}."
            return self._give_up(model, EngineFailed(reason))
        finally:
            del self._downloads[model]

    def _give_up(self, model: str, error: EngineError) -> EngineError:
        _log.warning("download_failed", extra={"model": model, "reason": error.message})
        self._failed[model] = error
        return error

    def _make_folders(self) -> None:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self._folder, self.hub, self._notes):
            folder.mkdir(mode=0o700, exist_ok=True)

    async def _fetch(self, model: str, download: _Download) -> str:
        """The folder where the files are."""
        self._make_folders()
        environ = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        if self._token:
            environ["HF_TOKEN"] = self._token
        process = await self._python.start(
            "fetch.py", model, str(self.hub), cwd=self.hub, **environ
        )
        said = lines(process)
        last = ""
        try:
            while True:
                async with asyncio.timeout(self._patience):
                    line = await anext(said)
                last = line if not line.startswith("{") else last
                if folder := self._heard(model, download, line):
                    return folder
        except StopAsyncIteration:
            raise EngineFailed(f"`{model}` could not be downloaded: {last[:300]}") from None
        except TimeoutError as exc:
            raise EngineTimeout(
                f"Nothing came of `{model}` for {self._patience:g} s; what came is kept, and "
                "the next request goes on with it."
            ) from exc
        finally:
            await said.aclose()
            await stop(process)

    def _heard(self, model: str, download: _Download, line: str) -> str:
        match _fields(line):
            case {"folder": str(folder)}:
                return folder
            case {"done": int(done), "of": int(of)}:
                step = _STEP * of
                if not download.of or done // step > download.done // step:
                    _log.info("downloading", extra={"model": model, "done": done, "of": of})
                download.done, download.of = done, of
            case {"wrong": str(wrong), **facts}:
                raise _refusal(model, wrong, facts)
        return ""


def describe(folder: Path, model: str) -> Snapshot:
    config = _read(folder / "config.json")
    if not config:
        raise EngineFailed(f"`{model}` has no config.json that can be read: it is no model.")
    template = _template(folder)
    inner = config.get("text_config")
    text = inner if isinstance(inner, dict) else config
    lengths = (text.get(name) for name in ("max_position_embeddings", "n_positions"))
    return Snapshot(
        folder=folder,
        talks=bool(template),
        calls="tools" in template,
        sees=any((folder / name).is_file() for name in _PROCESSORS),
        hears="audio_config" in config,
        context=next((length for length in lengths if isinstance(length, int)), 0),
    )


def _template(folder: Path) -> str:
    """A file of its own, or in the configuration of the tokenizer; there may be several by name."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text("utf-8", "replace")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if found := _read(folder / name).get("chat_template"):
            return orjson.dumps(found).decode()
    return ""


def _read(file: Path) -> Fields:
    try:
        return _fields(file.read_bytes())
    except OSError:
        return {}


def _fields(text: str | bytes) -> Fields:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(model: str, wrong: str, facts: Mapping[str, object]) -> EngineError:
    match wrong, facts:
        case "missing", _:
            return EngineLacksModel(
                f"`{model}` is not on Hugging Face, or it is private and HF_TOKEN does not open it."
            )
        case "gated", _:
            return EngineRefused(
                f"`{model}` is gated: its terms have to be accepted on its page at Hugging Face, "
                "and HF_TOKEN set to a token of who did so.",
                403,
            )
        case "no safetensors", _:
            return EngineRefused(
                f"`{model}` has no weights as safetensors, the only form that is served here: "
                "others can run code."
            )
        case "no room", {"left": int(left), "free": int(free)}:
            return EngineFailed(
                f"`{model}` needs {left / 1e9:.1f} GB more, and where DATA_DIR is "
                f"{free / 1e9:.1f} GB are free."
            )
    return EngineFailed(f"`{model}` could not be downloaded: {wrong}")
