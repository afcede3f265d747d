"""The house rules that no linter knows: every file says what it is, stays small, is in its place,
and has a test."""

import ast
import asyncio
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from _llamagate import __version__
from _llamagate.background import spawn

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "_llamagate"
TESTS = ROOT / "tests"

# Modules without a test file of their own name, and the one that holds them to account.
COVERED = {
    "admin/report.py": "admin/test_routes.py",
    "admin/state.py": "admin/test_routes.py",
    "app.py": "test_serve.py",
    "background.py": "test_house.py",
    "call.py": "test_doors.py",
    "cli/address.py": "cli/test_env.py",
    "cli/arguments.py": "cli/test_main.py",
    "cli/doctor/finding.py": "cli/doctor/test_doctor.py",
    "cli/failure.py": "cli/test_engines.py",
    "cli/pull.py": "cli/test_models.py",
    "cli/serve.py": "test_serve.py",
    "config/values.py": "config/test_structure.py",
    "connection.py": "test_listener.py",
    "door/way.py": "dialects/test_outgoing.py",
    "dialects/ollama_admin.py": "gateway/test_relay.py",
    "engines/base.py": "engines/test_http.py",
    "engines/beside/fetch.py": "engines/test_snapshots.py",
    "engines/beside/serve.py": "engines/test_transformers.py",
    "engines/child.py": "engines/test_transformers.py",
    "engines/connection.py": "engines/test_http.py",
    "engines/dial.py": "engines/test_http.py",
    "engines/faults.py": "engines/test_http.py",
    "engines/index.py": "engines/test_pool.py",
    "engines/lean.py": "engines/test_http.py",
    "engines/ollama.py": "dialects/test_openai.py",
    "engines/session.py": "engines/test_http.py",
    "errors.py": "test_errors_shape.py",
    "exchange.py": "test_cache.py",
    "exposition.py": "test_metrics.py",
    "gateway/attempt.py": "gateway/test_generate.py",
    "gateway/cases.py": "test_matrix.py",
    "gateway/count.py": "dialects/test_anthropic.py",
    "gateway/hops.py": "middlewares/test_request_id.py",
    "gateway/models.py": "dialects/test_openai.py",
    "gateway/resolve.py": "gateway/test_failover.py",
    "gateway/show.py": "dialects/test_ollama_models.py",
    "gateway/version.py": "dialects/test_ollama_models.py",
    "ids.py": "dialects/test_openai.py",
    "middlewares/errors.py": "test_errors_shape.py",
    "middlewares/headers.py": "middlewares/test_cors.py",
    "middlewares/passage.py": "dialects/test_outgoing.py",
    "middlewares/web.py": "dialects/test_outgoing.py",
    "queue/line.py": "queue/test_queue.py",
    "queue/turn.py": "queue/test_queue.py",
    "started.py": "cli/test_banner.py",
    "wires/aigateway.py": "dialects/test_aigateway.py",
    "wires/anthropic/blocks.py": "wires/test_anthropic_request.py",
    "wires/anthropic/errors.py": "test_errors_shape.py",
    "wires/anthropic/models.py": "dialects/test_anthropic.py",
    "wires/anthropic/tool_ids.py": "wires/test_anthropic_request.py",
    "wires/anthropic/tools.py": "wires/test_anthropic_request.py",
    "wires/ollama/answers.py": "wires/test_ollama_engine.py",
    "wires/ollama/client_messages.py": "wires/test_ollama_client.py",
    "wires/ollama/errors.py": "wires/test_ollama_engine.py",
    "wires/ollama/keys.py": "wires/test_ollama_client.py",
    "wires/openai/chat_answers.py": "wires/test_openai_answers.py",
    "wires/openai/engine_errors.py": "wires/test_openai_engine.py",
    "wires/openai/engine_lists.py": "wires/test_openai_engine.py",
    "wires/openai/errors.py": "test_errors_shape.py",
    "wires/openai/models.py": "dialects/test_openai.py",
    "wires/openai/parameters.py": "wires/test_openai_chat.py",
    "wires/openai/parts.py": "wires/test_openai_chat.py",
    "wires/openai/sampling.py": "wires/test_openai_chat.py",
    "wires/responses/items.py": "wires/test_responses_request.py",
    "wires/responses/open_items.py": "wires/test_responses_answers.py",
    "wires/responses/reply.py": "wires/test_responses_answers.py",
    "wires/responses/stream.py": "wires/test_responses_answers.py",
    "wires/responses/tools.py": "wires/test_responses_request.py",
}
# Rooms that one file tests as a whole, from outside.
COVERED_ROOMS = {"demo": "test_demo.py"}

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
OWN_ENVIRONMENT = ("os.environ", "os.getenv", "os.environb")
EMPTY_NAMES = re.compile(r"Manager|Helper|Util|Service(?!s?Unavailable)|Factory")
# Rooms where requests of clients are HTTP, and the files that join those rooms to a socket.
WEB = ("dialects", "middlewares", "admin", "demo", "cli", "call.py", "app.py")
WEB += ("listener.py", "connection.py", "mounting.py")

modules = pytest.mark.parametrize("module", MODULES)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def nodes(module: str) -> Iterator[ast.AST]:
    return ast.walk(tree(PACKAGE / module))


def in_room(module: str, *rooms: str) -> bool:
    return module in rooms or module.partition("/")[0] in rooms


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def python_files() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


# ---------------------------------------------------------------- files


def test_every_file_says_what_it_is() -> None:
    silent = [
        path for path in python_files() if path.stat().st_size and not ast.get_docstring(tree(path))
    ]
    assert not silent


def test_no_file_has_more_than_five_hundred_lines() -> None:
    long = [path for path in python_files() if len(path.read_bytes().splitlines()) > 500]
    assert not long


@modules
def test_every_module_has_its_test(module: str) -> None:
    if module.endswith("__init__.py"):
        return
    *rooms, name = module.removesuffix(".py").split("/")
    own = ["/".join([*rooms, f"test_{name}.py"])]
    if len(rooms) > 1:  # a wire is a package, and its tests lie beside those of the other wires
        own.append("/".join([*rooms[:-1], f"test_{rooms[-1]}_{name}.py"]))
    found = [path for path in own if (TESTS / path).exists()]
    if found:
        assert module not in COVERED, f"it has its own: {found[0]}"
        return
    instead = COVERED.get(module) or COVERED_ROOMS.get(rooms[0] if rooms else "")
    assert instead, f"write {own[-1]}, or say in COVERED what tests it"
    assert (TESTS / instead).exists()


def test_no_module_is_said_to_be_tested_that_is_not_there() -> None:
    assert COVERED.keys() <= set(MODULES)


def test_the_newest_version_of_the_changelog_is_this_one() -> None:
    (newest, *_) = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == __version__


def test_no_tracked_file_knows_the_machine_it_was_written_on() -> None:
    here = re.compile(
        rb"(?<![\w.-])(?:%b|%b)(?![\w-])|(?<!emit-)index-url\b|https?://\S+/simple\b|\"resolved\":"
        % (re.escape(str(ROOT).encode()), re.escape(str(ROOT.parent / "shared").encode()))
    )
    own = Path(__file__)
    telling = [path for path in tracked() if path != own and here.search(path.read_bytes())]
    assert not telling


# ---------------------------------------------------------------- what stands in them


@modules
def test_no_class_has_a_name_that_says_nothing(module: str) -> None:
    names = [node.name for node in nodes(module) if isinstance(node, ast.ClassDef)]
    assert not [name for name in names if EMPTY_NAMES.search(name)]


@modules
def test_no_function_is_longer_than_a_page(module: str) -> None:
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in nodes(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno >= 50
    ]
    assert not long


@modules
def test_http_is_spoken_only_at_the_doors(module: str) -> None:
    imports = {
        f"{node.module}.{alias.name}"
        for node in nodes(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    if not in_room(module, *WEB):
        assert "aiohttp.web" not in imports
    if not in_room(module, "engines"):
        assert not {name for name in imports if name.startswith("aiohttp.Client")}


@modules
def test_only_the_command_line_prints_and_reads_the_environment(module: str) -> None:
    # What runs in a Python of its own, beside the gateway, is a program too.
    if in_room(module, "cli") or module.startswith("engines/beside/"):
        return
    for node in nodes(module):
        assert not (isinstance(node, ast.Name) and node.id == "print")
        assert not (isinstance(node, ast.Attribute) and ast.unparse(node) in OWN_ENVIRONMENT)


@modules
def test_everything_is_caught_in_one_place_only(module: str) -> None:
    if module == "middlewares/passage.py":
        return
    for node in nodes(module):
        if isinstance(node, ast.ExceptHandler) and not _raises_again(node):
            caught = ast.unparse(node.type) if node.type else "everything"
            assert caught not in ("everything", "Exception", "BaseException"), node.lineno


@modules
def test_every_task_has_a_name_and_somebody_who_keeps_it(module: str) -> None:
    if module == "background.py":
        return
    for node in nodes(module):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("create_task", "ensure_future"), node.lineno


@modules
def test_every_wait_for_a_stream_closes_it(module: str) -> None:
    if not in_room(module, "dialects"):
        return
    text = (PACKAGE / module).read_text("utf-8")
    assert text.count("async for batch in events") <= text.count("aclosing(events)")


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_the_failure_of_a_task_is_logged_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        task = spawn(fail(), "a task that fails")
        await asyncio.wait([task])

    with caplog.at_level("ERROR"):
        asyncio.run(main())
    (record,) = [r for r in caplog.records if r.getMessage() == "task_failed"]
    assert record.__dict__["task"] == "a task that fails"
