"""The hub's own library, in front of a folder: FAKE_HUB holds `owner/name/FILE`.

A model with a file `.gated` is gated; `.slow` holds the seconds that each of its files takes,
`.asked` gets a line for each download. A model that is not there is missing.
"""

import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

from .errors import GatedRepoError, RepositoryNotFoundError
from .utils import filter_repo_objects

HUB = Path(os.environ["FAKE_HUB"])


class HfApi:
    def model_info(self, model, files_metadata=False):
        place = HUB / model
        if not place.is_dir():
            raise RepositoryNotFoundError(model)
        if (place / ".gated").exists() and os.environ.get("HF_TOKEN") != "hf_good":
            raise GatedRepoError(model)
        files = [file for file in place.rglob("*") if file.is_file() and file.name[0] != "."]
        return SimpleNamespace(
            id=model,
            sha="c0ffee",
            siblings=[
                SimpleNamespace(rfilename=str(file.relative_to(place)), size=size(file))
                for file in sorted(files)
            ],
        )


def size(file):
    said = file.with_name(f".{file.name}.size")
    return int(said.read_text()) if said.exists() else file.stat().st_size


def snapshot_download(model, *, revision, cache_dir, allow_patterns, ignore_patterns):
    place, cache = HUB / model, Path(cache_dir) / f"models--{model.replace('/', '--')}"
    with open(place / ".asked", "a") as asked:
        asked.write("once\n")
    blobs, snapshot = cache / "blobs", cache / "snapshots" / revision
    blobs.mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True, exist_ok=True)
    names = [
        str(f.relative_to(place)) for f in place.rglob("*") if f.is_file() and f.name[0] != "."
    ]
    for name in filter_repo_objects(sorted(names), allow_patterns, ignore_patterns):
        if (place / ".slow").exists():
            time.sleep(float((place / ".slow").read_text()))
        shutil.copy(place / name, blobs / name)
        shutil.copy(blobs / name, snapshot / name)
    return str(snapshot)
