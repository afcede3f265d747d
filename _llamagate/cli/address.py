"""Where the gateway is reached from this machine, and with which key, as far as settings tell."""

from _llamagate.accounts import Accounts, kept_key
from _llamagate.config import Config

UNKNOWN_KEY = "YOUR_KEY"
UNUSED_KEY = "unused"  # official clients do not start without one


def own_url(config: Config) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    return dialled(f"{'https' if config.tls_cert_file else 'http'}://{host}:{config.port}")


def dialled(url: str) -> str:
    """All interfaces together are listened on, but cannot be dialled."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def key_required(config: Config) -> bool:
    return Accounts.of(config).required


def key_to_use(config: Config) -> str:
    """The key of a user before that of an administrator; what we know by its hash, or by
    somebody else's name in tokens.json, is not ours to give."""
    if not key_required(config):
        return UNUSED_KEY
    known = [config.api_key, *config.api_keys, config.admin_key]
    return next(filter(None, known), "") or kept_key(config.made_key_file) or UNKNOWN_KEY


def operators_key(config: Config) -> str:
    """An administrator's before a user's; the one made at first start counts only where no other
    was set. "" where none is known here."""
    known = [config.admin_key, config.api_key, *config.api_keys]
    return next(filter(None, known), "") or kept_key(config.made_key_file)
