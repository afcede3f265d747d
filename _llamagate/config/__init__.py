"""What the operator decided: one table of settings, read once, then never changed.

Its files:

    forms      how a value is written: times, sizes, lists, addresses
    urls       where an engine is
    values     engines, roles, keys, model defaults, rates
    settings   the table, which is also Config
    structure  the tables of llamagate.toml
    sources    where they are written, and which place wins
    checks     what only shows when everything is together
    loading    from all places to one Config, or to all that is wrong
    manual     .env.example and docs/configuration.md, made from the table
"""

from _llamagate.config.checks import EXAMPLE_KEYS
from _llamagate.config.loading import load
from _llamagate.config.settings import GROUPS, SETTINGS, Config, Setting
from _llamagate.config.values import (
    ConfigError,
    EngineSettings,
    KeySettings,
    ModelDefaults,
    RateLimit,
    RoleSettings,
)

__all__ = [
    "EXAMPLE_KEYS",
    "GROUPS",
    "SETTINGS",
    "Config",
    "ConfigError",
    "EngineSettings",
    "KeySettings",
    "ModelDefaults",
    "RateLimit",
    "RoleSettings",
    "Setting",
    "load",
]
