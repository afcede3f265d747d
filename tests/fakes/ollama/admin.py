"""The fake's models: tags, ps, show, and what changes them, pull to blobs."""

import asyncio
import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.ollama.checks import Refused, find, parse
from tests.fakes.ollama.residence import Resident
from tests.fakes.ollama.script import FakeModel
from tests.fakes.ollama.wire import json_response, line, stamp

if TYPE_CHECKING:
    from tests.fakes.ollama.server import FakeOllama

DIGEST = "sha256:76c97dd9d76db493baf319e189047558026395a26741c7143932f8b5b285a1f7"
FOREVER = 9_200_000_000  # the year 2261: what a model is kept for when it is kept for ever


def routes(fake: "FakeOllama") -> list[web.RouteDef]:
    own = _Admin(fake)
    return [
        web.get("/api/tags", own.tags),
        web.get("/api/ps", own.ps, allow_head=False),
        web.post("/api/show", own.show),
        web.post("/api/pull", own.pull),
        web.post("/api/push", own.push),
        web.post("/api/create", own.create),
        web.post("/api/copy", own.copy),
        web.delete("/api/delete", own.delete),
        web.head("/api/blobs/{digest}", own.blob_exists),
        web.post("/api/blobs/{digest}", own.blob),
    ]


def details(model: FakeModel) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "8.0B",
        "quantization_level": "Q4_K_M",
    }


def digest(model: FakeModel) -> str:
    return hashlib.sha256(model.name.encode()).hexdigest()


class _Admin:
    def __init__(self, fake: "FakeOllama") -> None:
        self.fake = fake

    async def tags(self, request: web.Request) -> web.Response:
        entries = [
            {
                "name": model.name,
                "model": model.name,
                "modified_at": stamp((1_795_000_000 - age) * 1_000_000_000),
                "size": model.size,
                "digest": digest(model),
                "details": details(model)
                | ({"context_length": model.context_length} if model.lists_context else {}),
                "capabilities": [c for c in model.capabilities if c not in ("tools", "thinking")],
            }
            for age, model in enumerate(self.fake.models)
        ]
        return json_response({"models": entries})

    async def ps(self, request: web.Request) -> web.Response:
        return json_response({"models": [_entry(one) for one in self.fake.residence.loaded()]})

    async def show(self, request: web.Request) -> web.Response:
        model = self._named(await request.read(), "model '{}' not found")
        kept = "verbose" in parse(await request.read())
        info: dict[str, Any] = {
            "general.architecture": "llama",
            "llama.context_length": model.context_length,
            "llama.embedding_length": 4096,
            "tokenizer.ggml.tokens": ["<s>"] if kept else None,
        }
        return json_response(
            {
                "modelfile": f"FROM {model.name}\nTEMPLATE {{{{ .Prompt }}}}\n",
                "parameters": "temperature                    0",
                "template": "{{ .Prompt }}",
                "details": details(model),
                "model_info": info,
                "tensors": [],
                "capabilities": list(model.capabilities),
                "modified_at": stamp(1_795_000_000_000_000_000),
                **model.show,
            }
        )

    async def pull(self, request: web.Request) -> web.StreamResponse:
        body = parse(await request.read())
        name = body.get("model") or body.get("name") or ""
        if not name:
            raise Refused(400, "invalid model name")
        statuses: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        if "absent" in name:
            failure = "pull model manifest: file does not exist"
            return await self._told(request, body, [*statuses, {"error": failure}])
        short = DIGEST.removeprefix("sha256:")[:12]
        for done in (0, 405_000, 810_656):
            part = {"status": f"pulling {short}", "digest": DIGEST, "total": 810_656}
            statuses.append({**part, "completed": done} if done else part)
        statuses += [{"status": "verifying sha256 digest"}, {"status": "writing manifest"}]
        answer = await self._told(request, body, [*statuses, {"status": "success"}])
        self._add(FakeModel(name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"))
        return answer

    async def push(self, request: web.Request) -> web.StreamResponse:
        body = parse(await request.read())
        steps = ["retrieving manifest", "pushing manifest", "success"]
        return await self._told(request, body, [{"status": step} for step in steps])

    async def create(self, request: web.Request) -> web.StreamResponse:
        body = parse(await request.read())
        name = body.get("model") or body.get("name") or ""
        if not name:
            raise Refused(400, "invalid model name")
        if not body.get("from") and not body.get("files"):
            raise Refused(400, "neither 'from' or 'files' was specified")
        base = find(self.fake.models, body["from"]) if body.get("from") else None
        made = replace(base or FakeModel(name), name=name if ":" in name else f"{name}:latest")
        steps = [f"using existing layer {DIGEST}", "writing manifest", "success"]
        answer = await self._told(request, body, [{"status": step} for step in steps])
        self._add(made)
        return answer

    async def copy(self, request: web.Request) -> web.Response:
        body = parse(await request.read())
        if not body.get("source"):
            raise Refused(400, 'source "" is invalid')
        if not body.get("destination"):
            raise Refused(400, 'destination "" is invalid')
        source = self.fake.model(body["source"], 'model "{}" not found')
        name = body["destination"]
        self._add(replace(source, name=name if ":" in name else f"{name}:latest"))
        return web.Response()

    async def delete(self, request: web.Request) -> web.Response:
        model = self._named(await request.read(), "model '{}' not found")
        self.fake.models.remove(model)
        return web.Response()

    async def blob_exists(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if request.match_info["digest"] in self.fake.blobs else 404)

    async def blob(self, request: web.Request) -> web.Response:
        name, data = request.match_info["digest"], await request.read()
        if name in self.fake.blobs:
            return web.Response(status=200)
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != name:
            raise Refused(400, "digest mismatch")
        self.fake.blobs[name] = data
        return web.Response(status=201)

    async def _told(
        self, request: web.Request, body: dict[str, Any], steps: list[dict[str, Any]]
    ) -> web.StreamResponse:
        """Progress, a line a step; only the last one where nobody wants a stream."""
        if body.get("stream") is False:
            if message := steps[-1].get("error"):
                raise Refused(500, message)
            return json_response(steps[-1])
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for step in steps:
            await response.write(line(step))
            await asyncio.sleep(self.fake.pull_pace)
        await response.write_eof()
        return response

    def _named(self, raw: bytes, message: str) -> FakeModel:
        body = parse(raw)
        name = body.get("model") or body.get("name")
        if not name:
            raise Refused(400, "model is required")
        return self.fake.model(name, message)

    def _add(self, model: FakeModel) -> None:
        if find(self.fake.models, model.name) is None:
            self.fake.models.insert(0, model)


def _entry(one: Resident) -> dict[str, Any]:
    expires = min(one.expires, FOREVER)
    return {
        "name": one.model.name,
        "model": one.model.name,
        "size": one.model.size,
        "digest": digest(one.model),
        "details": details(one.model),
        "expires_at": stamp(int(expires * 1_000_000_000)),
        "size_vram": one.model.size,
        "context_length": one.num_ctx,
    }
