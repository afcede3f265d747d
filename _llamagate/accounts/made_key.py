"""The key that is made when a gateway listens to the network and nobody has given it one.

It is kept in the data folder and is an administrator's. Whether one is needed, and where it may
be shown, is decided above.
"""

import os
import secrets
from pathlib import Path

from _llamagate.config import ConfigError


def made_key(file: Path) -> tuple[str, bool]:
    """The key, and whether it was made just now."""
    if kept := kept_key(file):
        return kept, False
    made = "lg-" + secrets.token_urlsafe(24)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(file, made)
    except OSError as error:
        raise ConfigError(
            [
                f"DATA_DIR: the key made at first start cannot be kept in {file.parent} "
                f"({error.strerror}); make the folder writable, name another, or set API_KEY."
            ]
        ) from error
    kept = kept_key(file)  # of two processes that start together, one was first
    return kept, kept == made


def kept_key(file: Path) -> str:
    """The key that an earlier start made, "" where none did."""
    try:
        key = file.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise ConfigError([f"DATA_DIR: the key in {file} cannot be read: {error}."]) from error
    if not key:
        raise ConfigError([f"DATA_DIR: {file} is empty; delete it to have a new key made."])
    return key


def _write_once(file: Path, text: str) -> None:
    """All of it or nothing, and never over a file that is there."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as opened:
            opened.write(text + "\n")
            opened.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
