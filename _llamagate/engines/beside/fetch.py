"""Fetches a model from Hugging Face: fetch.py MODEL FOLDER. Weights as safetensors, tokenizer and
configuration; no pickles, which could run code, and no code.

Each line it prints is a JSON object: {"done", "of"} are bytes while they come, {"folder"} is where
the files are, {"wrong"} says why there are none. What else goes wrong is a traceback.
"""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.utils import filter_repo_objects

WEIGHTS = "model*.safetensors"
WANTED = [WEIGHTS, "*.json", "*.txt", "*.model", "*.jinja"]
UNWANTED = ["*/*"]  # folders hold the same in other formats
EVERY = 1.0  # seconds between two reports


def main(model: str, folder: str) -> None:
    try:
        fetch(model, Path(folder))
    except GatedRepoError:
        tell(wrong="gated")
    except (RepositoryNotFoundError, HFValidationError):
        tell(wrong="missing")


def fetch(model: str, folder: Path) -> None:
    found = HfApi().model_info(model, files_metadata=True)
    sizes = {file.rfilename: file.size or 0 for file in found.siblings or ()}
    if not list(filter_repo_objects(sizes, allow_patterns=WEIGHTS, ignore_patterns=UNWANTED)):
        return tell(wrong="no safetensors")
    names = filter_repo_objects(sizes, allow_patterns=WANTED, ignore_patterns=UNWANTED)
    of = sum(sizes[name] for name in names)
    blobs = folder / f"models--{found.id.replace('/', '--')}" / "blobs"
    left, free = of - fetched(blobs), shutil.disk_usage(folder).free
    if left > free:
        return tell(wrong="no room", left=left, free=free)
    threading.Thread(target=report, args=(blobs, of), daemon=True).start()
    there = snapshot_download(
        found.id,
        revision=found.sha,
        cache_dir=folder,
        allow_patterns=WANTED,
        ignore_patterns=UNWANTED,
    )
    tell(folder=there)


def report(blobs: Path, of: int) -> None:
    """Only what is new, so that silence means that nothing comes."""
    before = -1
    while True:
        done = fetched(blobs)
        if done != before:
            tell(done=done, of=of)
        before = done
        time.sleep(EVERY)


def fetched(blobs: Path) -> int:
    """Bytes, those of unfinished files included: a download goes on where it was broken off."""
    total = 0
    for blob in blobs.glob("*"):
        try:
            total += blob.stat().st_size
        except FileNotFoundError:  # finished, and so renamed
            continue
    return total


def tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def leave_with_the_gateway() -> None:
    """It holds the other end of standard input, which closes whatever way it ends."""
    while os.read(0, 1024):  # sys.stdin's lock, held by a thread, would spoil the end of Python
        pass
    os._exit(1)


if __name__ == "__main__":
    os.umask(0o077)
    threading.Thread(target=leave_with_the_gateway, daemon=True).start()
    main(*sys.argv[1:])
