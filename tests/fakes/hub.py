"""Hugging Face's hub over HTTP, as far as its own library needs it to download models."""

import hashlib
from pathlib import Path
from typing import Any, Self

import orjson
from aiohttp import web

COMMIT = "c0ffee" * 6 + "c0ff"


class Hub:
    """Serves the folders in `models`, by their ids. `asked` are the files that were fetched."""

    def __init__(self, models: dict[str, Path]) -> None:
        self.models = models
        self.asked: list[str] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        model = "/{model:[^/]+/[^/]+}"
        app.router.add_get(f"/api/models{model}", self._info)
        app.router.add_get(f"/api/models{model}/revision/{{revision}}", self._info)
        app.router.add_get(f"/api/models{model}/tree/{{revision}}", self._tree)
        app.router.add_get(f"{model}/resolve/{{revision}}/{{file}}", self._file)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._runner.cleanup()

    def _files(self, request: web.Request) -> list[Path]:
        folder = self.models.get(request.match_info["model"])
        if folder is None:
            headers = {"X-Error-Code": "RepoNotFound"}
            raise web.HTTPNotFound(text='{"error": "Repository not found"}', headers=headers)
        return sorted(folder.iterdir())

    async def _info(self, request: web.Request) -> web.Response:
        files = [
            {"rfilename": file.name, "size": file.stat().st_size} for file in self._files(request)
        ]
        return _json({"id": request.match_info["model"], "sha": COMMIT, "siblings": files})

    async def _tree(self, request: web.Request) -> web.Response:
        return _json(
            [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": _etag(f)}
                for f in self._files(request)
            ]
        )

    async def _file(self, request: web.Request) -> web.StreamResponse:
        wanted = request.match_info["file"]
        file = next(file for file in self._files(request) if file.name == wanted)
        if request.method == "GET":
            self.asked.append(wanted)
        return web.FileResponse(file, headers={"X-Repo-Commit": COMMIT, "ETag": f'"{_etag(file)}"'})


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()


def _json(body: Any) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json")
