"""This machine and this program: ports, keys, certificate, folders, clock."""

import errno
import os
import shutil
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from _llamagate.accounts import kept_key
from _llamagate.cli.address import key_required, own_url
from _llamagate.cli.ask import NoAnswer, ask, unverified
from _llamagate.cli.doctor.finding import Finding, fail, ok, warn
from _llamagate.config import Config, ConfigError

_BUILT_AFTER = 1_750_000_000  # June 2025: a clock that says less is wrong
_LITTLE = 200 * 1024 * 1024  # bytes


def look_at_machine(config: Config) -> Iterator[Finding]:
    for name, port in (("PORT", config.port), *config.surface_ports):
        yield _port(config, name, port)
    yield from _keys(config)
    if config.tls_cert_file and config.tls_key_file:
        yield _certificate(config.tls_cert_file, config.tls_key_file)
    yield _folder("data folder", config.data_dir, "DATA_DIR")
    if config.log_file:
        yield _folder("log file", config.log_file.parent, "LOG_FILE")
    if time.time() < _BUILT_AFTER:
        yield fail("clock", f"it says {time.ctime()}; set it, or certificates and tokens fail.")
    else:
        yield ok("clock", f"it says {time.ctime()}.")


def _port(config: Config, name: str, port: int) -> Finding:
    subject = f"port {port}"
    if port == 0:
        return ok(subject, "any free one will be taken.")
    try:
        _try_to_listen(config.host, port)
    except OSError as error:
        return _taken(config, name, port, error)
    return ok(subject, f"free on {config.host}.")


def _try_to_listen(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as listener:
        if sys.platform != "win32":  # there it would let us share a port that is in use
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)


def _taken(config: Config, name: str, port: int, error: OSError) -> Finding:
    subject = f"port {port}"
    if error.errno == errno.EADDRNOTAVAIL:
        return fail(subject, f"{config.host} is no address of this machine; change HOST.")
    if error.errno == errno.EACCES:
        return fail(subject, "this user may not listen there; take a port above 1023.")
    if error.errno != errno.EADDRINUSE:
        return fail(subject, f"it cannot be listened on: {error.strerror or error}.")
    if _is_gateway(replace(config, port=port)):
        return ok(subject, "the gateway runs there.")
    where = name if name == "PORT" else f"SURFACE_PORTS ({name})"
    advice = f"end it, or take another port in {where}."
    if port == 11434:
        advice = (
            "that is Ollama's own: move it aside with OLLAMA_HOST=127.0.0.1:11435 ollama serve, "
            "and name that in the gateway's OLLAMA_HOST."
        )
    return fail(subject, f"another program listens there; {advice}")


def _is_gateway(config: Config) -> bool:
    tls = unverified() if config.tls_cert_file else None
    try:
        answer = ask(f"{own_url(config)}/health", config.health_check_timeout + 2, tls=tls)
    except NoAnswer:
        return False
    return "status" in answer.fields()


def _keys(config: Config) -> Iterator[Finding]:
    if not key_required(config):
        if config.loopback_only:
            yield ok("key", "none is asked for; only this machine can reach the gateway.")
        else:
            yield warn("key", f"AUTH is off while it listens on {config.host}: whoever reaches it "
                       "can use it. Set AUTH=auto, and API_KEY.")  # fmt: skip
        return
    try:
        kept = kept_key(config.made_key_file)
    except ConfigError as wrong:
        yield fail("key", wrong.problems[0])
        return
    given = config.api_key or config.api_keys or config.admin_key or config.keys
    if given or config.files.get("tokens.json") or config.tokens_file_set:
        yield ok("key", "one is asked for, and there are some.")
    elif kept:
        yield ok("key", f"the one made on first start counts; it is in {config.made_key_file}.")
    else:
        yield ok("key", "none is set; the first start will make one and say so.")
    if config.tokens_file_set and not config.tokens_file.is_file():
        yield warn("key", f"TOKENS_FILE {config.tokens_file} is missing, so no token counts.")
    if not config.loopback_only and not config.tls_cert_file:
        yield warn("key", "keys travel unencrypted; set TLS_CERT_FILE and TLS_KEY_FILE, or put a "
                   "proxy that speaks https in front, unless the network is your own.")  # fmt: skip


def _certificate(certificate: Path, key: Path) -> Finding:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError) as error:
        return fail("certificate", f"{certificate} and {key} cannot be used: {error}.")
    return ok("certificate", f"{certificate} and its key fit together.")


def _folder(subject: str, folder: Path, setting: str) -> Finding:
    """Looks only: a folder that this user makes here might be in the way of the service's."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        return fail(subject, f"{existing} is not a folder; change {setting}.")
    if not _writable(existing):
        return fail(subject, f"{existing} cannot be written to; allow it, or change {setting}.")
    if shutil.disk_usage(existing).free < _LITTLE:
        return warn(subject, f"the disk of {existing} is almost full.")
    return ok(subject, f"{folder} can be written to.")


def _writable(folder: Path) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
