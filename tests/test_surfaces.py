"""The table of surfaces, and the settings that name them."""

import pytest

from _llamagate.config import ConfigError
from _llamagate.config.settings import GENERATE_STYLES, SURFACES
from tests.conftest import Running, StartGateway


def test_the_settings_know_exactly_the_surfaces_of_the_table(gateway: Running) -> None:
    table = gateway.server.gateway.surfaces.table
    assert tuple(surface.name for surface in table) == SURFACES
    generating = [s.name for s in table if any(r.path == "/generate" for r in s.routes)]
    assert tuple(generating) == GENERATE_STYLES


@pytest.mark.parametrize(
    ("setting", "value"),
    [("GENERATE_STYLE", "inference"), ("SURFACE_PORTS", "parallama:8000")],
)
async def test_a_surface_that_does_not_exist_yet_is_refused_at_start(
    start_gateway: StartGateway, setting: str, value: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        await start_gateway(**{setting: value})
    (problem,) = refused.value.problems
    assert setting in problem
    assert value in problem
    assert "egollama" in problem


def test_every_route_says_who_may_call_it_and_none_is_there_twice(gateway: Running) -> None:
    for surface in gateway.server.gateway.surfaces.table:
        seen = [(route.method, route.path) for route in surface.everything]
        assert len(seen) == len(set(seen)), surface.name
