"""`llamagate engines`: list them, test them, take one out of service and put it back."""

from urllib.parse import quote

from _llamagate.admin.report import Engine, State, Tested
from _llamagate.cli.failure import Failed
from _llamagate.cli.running import RunningGateway
from _llamagate.cli.text import plain, table
from _llamagate.config import Config

NO_ENGINE = "No engine is set: name one in OLLAMA_HOST."


def engines(config: Config, action: str, name: str) -> int:
    gateway = RunningGateway(config)
    match action:
        case "test":
            return _test(gateway, name)
        case "drain":
            print(_drained(_change(gateway, name, "drain")))
        case "undrain":
            print(f"{plain(_change(gateway, name, 'undrain').name)} takes new requests again.")
        case _:
            print("\n".join(_listed(gateway.get("/admin/state", State).engines)))
    return 0


def _listed(engines: list[Engine]) -> list[str]:
    if not engines:
        return [NO_ENGINE]
    rows = [
        (
            engine.name,
            engine.kind,
            engine.url,
            engine.condition,
            str(engine.running),
            str(engine.waiting),
            str(len(engine.models)),
            in_memory(engine),
        )
        for engine in engines
    ]
    head = ("ENGINE", "KIND", "URL", "STATE", "RUNNING", "WAITING", "MODELS", "IN MEMORY")
    return [
        *table(head, rows, right=("RUNNING", "WAITING", "MODELS")),
        *(line for engine in engines for line in _remarks(engine)),
    ]


def in_memory(engine: Engine) -> str:
    return ", ".join(plain(resident.name) for resident in engine.residents)


def activity(engine: Engine) -> list[str]:
    return [f"{engine.name}: {plain(doing, 300)}" for doing in engine.activity]


def _remarks(engine: Engine) -> list[str]:
    found = []
    if engine.reason:
        found.append(f"{engine.name}: {plain(engine.reason, 300)}")
    found += activity(engine)
    if engine.resting:
        names = ", ".join(map(plain, engine.resting))
        found.append(f"{engine.name} failed of late at {names}; other engines come first.")
    return found


def _test(gateway: RunningGateway, name: str) -> int:
    """One, or all of them. 0 when each answers."""
    names = [name] if name else [one.name for one in gateway.get("/admin/state", State).engines]
    if not names:
        raise Failed(NO_ENGINE)
    tests = [gateway.post(_path(each, "test"), Tested) for each in names]
    for test in tests:
        print(_tested(test))
    return 0 if all(test.up for test in tests) else 1


def _tested(test: Tested) -> str:
    place = f"{plain(test.name)} at {plain(test.url)}" if test.url else plain(test.name)
    took = f"{test.milliseconds:.{int(test.milliseconds < 10)}f} ms"
    if not test.up:
        return f"{place} failed after {took}: {plain(test.reason, 300)}"
    models = ", ".join(map(plain, test.models)) or "none"
    return f"{place} answered in {took}. Models: {models}"


def _drained(engine: Engine) -> str:
    name = plain(engine.name)
    if not engine.running and not engine.waiting:
        return f"{name} takes no new requests, and nothing runs there."
    return (
        f"{name} takes no new requests. It still has {engine.running} running and "
        f"{engine.waiting} waiting; `llamagate top` shows when they are done."
    )


def _change(gateway: RunningGateway, name: str, what: str) -> Engine:
    return gateway.post(_path(name, what), Engine)


def _path(name: str, what: str) -> str:
    return f"/admin/engines/{quote(name, safe='')}/{what}"
