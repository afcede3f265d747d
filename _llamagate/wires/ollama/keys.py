"""Keys of a body that an Ollama engine will read again.

Ollama takes a key in any case, and the last one wins: a field that looks unknown here could be one
that was checked, spelt otherwise, and say something else there.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Fields


def unknown_fields(
    given: Mapping[str, Any], shape: type[Struct], passed: tuple[str, ...] = (), path: str = ""
) -> Fields:
    """What `given` holds beside the fields of `shape`; `passed` are those that only Ollama knows.

    A key that folds onto a known one is refused, and one that begins with `_`: such keys are for
    Ollama's own tests and lay a model's prompt open.
    """
    names = shape.__struct_encode_fields__
    extra: Fields = {}
    for key, value in given.items():
        if key in names:
            continue
        if key not in passed:
            _refuse_a_trick(key, (*names, *passed), path)
        extra[key] = value
    return extra


def _refuse_a_trick(key: str, known: tuple[str, ...], path: str) -> None:
    folded = key.casefold()  # to Ollama too a long s is an s, and the sign for Kelvin a k
    if folded in known:
        raise InvalidRequest(
            f"'{path}{key}' is unknown: did you mean '{path}{folded}'?", param=f"{path}{key}"
        )
    if key.startswith("_"):
        raise InvalidRequest(
            f"'{path}{key}' is not for clients: keys that begin with _ are refused.",
            param=f"{path}{key}",
        )
