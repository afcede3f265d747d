"""Names of models as clients write them and engines list them: every spelling made one.

Aliases, permissions and defaults are for `models`; which engine has a name, for the pool.
"""

import re
from functools import lru_cache

from _llamagate.errors import InvalidRequest

LONGEST = 512  # characters of a name; bounds what caches of names hold on to

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]")
_HUB_ID = re.compile(r"(?!.*(--|\.\.))([a-z0-9][\w.-]{0,95}/)?[a-z0-9][\w.-]{0,95}", re.A | re.I)
_HUB_HOSTS = ("hf.co/", "huggingface.co/")  # names of Ollama's
_OWN_TAGS = ("latest", "local", "cloud")  # `ollama:latest` is a model called ollama


@lru_cache(maxsize=4096)
def canonical(spelling: str) -> str:
    """The one name for every spelling that reaches the same model.

    Ollama's grammar is `[scheme://][host/][namespace/]model[:tag]`, in any case, with its own
    registry, `library` and `latest` understood; `:local` and a leading `ollama:` change nothing.
    What is understood is left out here rather than filled in, so that a Hugging Face id, a hosted
    model's name or a path, which know no tags, keep the form in which their engine lists them.
    """
    name = _reduced(spelling)
    while (less := _reduced(name)) != name:
        name = less
    return name


def _reduced(spelling: str) -> str:
    name = _trimmed(spelling)
    here = name.endswith(":local")
    while name.endswith(":local"):
        name = name.removesuffix(":local")
    away = _before_cloud(name)
    if away is None:
        return _plain(name)
    if here or away.endswith(":local"):
        raise InvalidRequest("A model name has either :local or :cloud, not both.", param="model")
    plain = _plain(away)
    return f"{plain}-cloud" if ":" in plain.rpartition("/")[2] else f"{plain}:cloud"


def leaves_machine(spelling: str) -> bool:
    """Would Ollama pass this on to ollama.com?"""
    return _before_cloud(canonical(spelling)) is not None


def is_hub_id(name: str) -> bool:
    """Has it the form of a Hugging Face id, `owner/name` or `name`, without a host or a tag?"""
    return bool(_HUB_ID.fullmatch(name)) and not name.lower().startswith(_HUB_HOSTS)


def _trimmed(spelling: str) -> str:
    if len(spelling) > LONGEST:
        raise _malformed()
    name = spelling.strip().lower()
    if not name or _BLANK.search(name):
        raise _malformed()
    while name.startswith("ollama:") and name[7:] not in _OWN_TAGS:
        name = name[7:]
    return name


def _before_cloud(name: str) -> str | None:
    """The name without its cloud suffix; None when it has none."""
    before, colon, tag = name.rpartition(":")
    if colon and tag == "cloud":
        return before
    if colon and tag.endswith("-cloud") and "/" not in tag:
        return name.removesuffix("-cloud")
    return None


def _plain(name: str) -> str:
    if scheme := _SCHEME.match(name):
        name = name[scheme.end() :]
    parts = name.split("/")
    inner = parts[1:] if len(parts) > 2 else parts  # an absolute path begins with an empty part
    whole = all(part and part[0] != ":" and part[-1] != ":" for part in inner)
    if not whole or ".." in parts:
        raise _malformed()
    if len(parts) == 3 and parts[0] == "registry.ollama.ai":
        del parts[0]
    if len(parts) == 2 and parts[0] == "library":
        del parts[0]
    return "/".join(parts).removesuffix(":latest")


def _malformed() -> InvalidRequest:
    return InvalidRequest(
        "Invalid model name: it has the form [host/][namespace/]model[:tag], "
        f"without spaces and in at most {LONGEST} characters.",
        param="model",
    )
