"""The table of surfaces: each one's routes, error shape and documented limit.

Mounting, ports, discovery and the self-test read it. The order matters at the root, where the
first that knows a path has it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from _llamagate.admin.routes import Admin
from _llamagate.call import Route
from _llamagate.config import Config
from _llamagate.conversations import Conversations
from _llamagate.dialects import egollama
from _llamagate.dialects.aigateway import AIGateway
from _llamagate.dialects.anthropic import Anthropic
from _llamagate.dialects.base import Bounds
from _llamagate.dialects.discovery import Discovery
from _llamagate.dialects.egollama import EgoLlama
from _llamagate.dialects.llamagate import LlamaGate
from _llamagate.dialects.ollama import Ollama
from _llamagate.dialects.ollama_admin import OllamaAdmin
from _llamagate.dialects.openai import OpenAI
from _llamagate.dialects.responses import Responses
from _llamagate.engines.pool import Pool
from _llamagate.gateway.cases import UseCases
from _llamagate.host import Host
from _llamagate.metrics import Metrics
from _llamagate.models import Names
from _llamagate.mounting import Surface, Surfaces
from _llamagate.queue import Queue
from _llamagate.wires.aigateway import render_error as aigateway_error
from _llamagate.wires.anthropic.errors import render_error as anthropic_error
from _llamagate.wires.ollama.errors import render_error as ollama_error
from _llamagate.wires.openai.errors import render_error as openai_error


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the surfaces stand on."""

    config: Config
    use: UseCases
    pool: Pool
    names: Names
    queue: Queue
    metrics: Metrics
    draining: Callable[[], bool]


def make_surfaces(rooms: Rooms) -> Surfaces:
    config, pool = rooms.config, rooms.pool
    host = Host()
    table = _table(rooms, host)
    own = LlamaGate(pool, rooms.metrics, host, rooms.draining, config.metrics)
    return Surfaces(
        table=table,
        own=tuple(own.routes()),
        admin=tuple(Admin(pool, rooms.queue, rooms.metrics).routes()),
        discover=lambda listed, here: Discovery(pool, rooms.names, listed, here).routes(),
        generate_style=config.generate_style,
        generate_style_set=config.generate_style_set,
    )


def _table(rooms: Rooms, host: Host) -> tuple[Surface, ...]:
    use = rooms.use
    bounds = Bounds(rooms.config.max_body, rooms.config.keepalive)
    openai = OpenAI(use.generate, use.embed, use.list_models, bounds)
    responses = Responses(use.generate, use.count, Conversations(), bounds)
    spoken = (*openai.routes(), *responses.routes())
    anthropic = Anthropic(use.generate, use.count, use.list_models, bounds)
    ollama = Ollama(use.generate, use.embed, use.list_models, use.show, use.version, bounds)
    old = _egollama(rooms, openai, host, bounds)
    return (
        Surface(
            "llamagate",
            "OpenAI's API in front of Ollama",
            tuple(anthropic.beside(spoken)),
            openai_error,
            version="/v1",
        ),
        Surface("openai", "OpenAI's API", spoken, openai_error, version="/v1"),
        Surface("anthropic", "Anthropic's API", tuple(anthropic.routes()), anthropic_error),
        Surface(
            "ollama",
            "Ollama's API",
            _native(ollama, use, bounds, old),
            ollama_error,
            elsewhere=_compatible(anthropic, spoken),
        ),
        Surface(
            "egollama",
            "EgoLlama's gateway",
            tuple(old.routes()),
            openai_error,
            egollama.LIMIT,
            elsewhere=tuple(old.chat_routes()),
        ),
        _aigateway(AIGateway(ollama, bounds)),
    )


def _native(ollama: Ollama, use: UseCases, bounds: Bounds, old: EgoLlama) -> tuple[Route, ...]:
    """Two dialects have paths under /api/; what neither knows there is an administrator's."""
    routes = ollama.routes()
    return (*routes, *OllamaAdmin(use.relay, bounds, [*routes, *old.routes()]).routes())


def _compatible(anthropic: Anthropic, spoken: Sequence[Route]) -> tuple[Route, ...]:
    """Ollama answers the other two APIs too: its place is not taken without them."""
    openai = [replace(route, render_error=openai_error) for route in anthropic.beside(spoken)]
    taken = {(route.method, route.path) for route in openai}
    others = [
        replace(route, render_error=anthropic_error)
        for route in anthropic.routes()
        if (route.method, route.path) not in taken
    ]
    return (*openai, *others)


def _aigateway(dialect: AIGateway) -> Surface:
    return Surface(
        "aigateway",
        "AI Gateway: Ollama's API by shorter paths",
        tuple(dialect.routes()),
        aigateway_error,
        elsewhere=tuple(dialect.twins()),
    )


def _egollama(rooms: Rooms, openai: OpenAI, host: Host, bounds: Bounds) -> EgoLlama:
    return EgoLlama(
        rooms.use.generate,
        rooms.use.list_models,
        rooms.use.load,
        openai,
        bounds,
        pool=rooms.pool,
        host=host,
        metrics=rooms.metrics,
        max_tokens=rooms.config.max_new_tokens,
        temperature=rooms.config.temperature,
    )
