"""The Python that serves Hugging Face models: is it there, and has it what it needs?"""

import asyncio
from collections.abc import Iterator

from _llamagate.cli.doctor.finding import Finding, fail, ok
from _llamagate.config import Config
from _llamagate.engines.python import Python, find
from _llamagate.errors import EngineError


def look_at_transformers(config: Config) -> Iterator[Finding]:
    path = find(config.transformers_python, config.data_dir)
    try:
        asyncio.run(Python(path, config.environ).check())
    except EngineError as error:
        told = f"{error.message}. Looked for in {path}; DATA_DIR is {config.data_dir}."
        yield fail("engine transformers", told)
    else:
        yield ok("engine transformers", f"its Python is {path}.")
