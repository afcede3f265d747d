"""The one table of settings, which is also the value that `load` returns.

A row is a field: its type, name, form, default and the sentence that explains it stand together,
and .env.example, docs/configuration.md and `llamagate config` are made from them. Below the table
stands what the rows and llamagate.toml come to together. How rows get their values is `loading`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from _llamagate.config import forms, urls
from _llamagate.config.forms import Network
from _llamagate.config.values import (
    BUILT_IN_ROLES,
    EngineSettings,
    KeySettings,
    ModelDefaults,
    RateLimit,
    RoleSettings,
)

T = TypeVar("T")
Words: TypeAlias = Mapping[str, str]

# Those that can have a port of their own.
SURFACES = ("llamagate", "openai", "anthropic", "ollama", "egollama", "aigateway")
GENERATE_STYLES = ("egollama", "aigateway")
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of a setting before anybody sets it."""

    name: str
    group: str
    parse: Callable[[str], object]
    default: str  # as one would write it
    sentence: str
    secret: bool
    aliases: tuple[str, ...]
    words: Mapping[str, Words]  # of an alias that speaks otherwise: its words, and ours for them
    shown: str  # instead of the default, where that depends on the machine


def setting(
    group: str,
    name: str,
    parse: Callable[[str], T],
    default: str,
    sentence: str,
    *,
    secret: bool = False,
    aliases: tuple[str, ...] = (),
    words: Mapping[str, Words] = MappingProxyType({}),
    shown: str = "",
) -> T:
    row = Setting(name, group, parse, default, sentence, secret, aliases, words, shown)
    return field(default_factory=lambda: parse(default), repr=not secret, metadata={"setting": row})


def surface_ports(value: str) -> tuple[tuple[str, int], ...]:
    port = forms.whole(0, 65535)
    found = tuple((name, port(text)) for name, text in forms.pairs(":")(value))
    for name, _ in found:
        if name not in SURFACES:
            raise ValueError(f"a comma list of SURFACE:PORT, of {', '.join(SURFACES)}")
    return found


def ollama_urls(value: str) -> tuple[str, ...]:
    if value.lower() == "none":
        return ()
    return tuple(dict.fromkeys(urls.ollama_url(word) for word in forms.words(value)))


def named_engines(value: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, urls.engine_url(url)) for name, url in forms.pairs("=")(value))


def aliases(value: str) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({name: (model,) for name, model in forms.pairs("=")(value)})


def optional_path(value: str) -> Path | None:
    return Path(value) if value else None


GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "where": "Where it listens and keeps its files",
        "engines": "Engines and models",
        "who": "Who may use it",
        "how much": "How much",
        "answers": "Answers",
        "seen": "What is seen of it",
    }
)


# fmt: off
@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    host: str = setting(
        "where", "HOST", forms.address, "127.0.0.1",
        "The address to listen on: 127.0.0.1 is this machine only, 0.0.0.0 or :: every network. "
        "Some shells export HOST themselves; LLAMAGATE_HOST wins over it.",
        aliases=("EGOLLAMA_HOST",),
    )
    port: int = setting(
        "where", "PORT", forms.whole(0, 65535), "8080",
        "The port to listen on; 0 takes any free one.",
        aliases=("EGOLLAMA_PORT",),
    )
    surface_ports: tuple[tuple[str, int], ...] = setting(
        "where", "SURFACE_PORTS", surface_ports, "",
        "Further ports on which one surface is the root, so that its old clients need no change: "
        f"egollama:8082,ollama:11435. Surfaces: {', '.join(SURFACES)}.",
    )
    tls_cert_file: Path | None = setting(
        "where", "TLS_CERT_FILE", optional_path, "",
        "The certificate (PEM, with its chain) to serve https with; needs TLS_KEY_FILE.",
    )
    tls_key_file: Path | None = setting(
        "where", "TLS_KEY_FILE", optional_path, "",
        "The private key (PEM) that belongs to TLS_CERT_FILE.",
    )
    cors_origins: tuple[str, ...] = setting(
        "where", "CORS_ORIGINS", forms.origins, "none",
        "Web pages that may call from a browser: https://chat.example.com,http://10.0.0.5:3000, "
        "or * for every page.",
        aliases=("EGOLLAMA_CORS_ORIGINS",),
    )
    data_dir: Path = setting(
        "where", "DATA_DIR", forms.path, "llamagate-data",
        "The folder for what outlives a restart, such as the key made on first start.",
        shown="~/.local/share/llamagate; macOS: ~/Library/Application Support/LlamaGate; "
        "Windows: %LOCALAPPDATA%\\LlamaGate",
    )

    ollama_host: tuple[str, ...] = setting(
        "engines", "OLLAMA_HOST", ollama_urls, "http://localhost:11434",
        "Where Ollama is, in every form its own client takes; several with commas between; "
        "none to do without. Engines declared in llamagate.toml replace the default.",
        aliases=("OLLAMA_BASE_URL",),
    )
    openai_engines: tuple[tuple[str, str], ...] = setting(
        "engines", "OPENAI_ENGINES", named_engines, "",
        "OpenAI-compatible engines beside it: vllm=http://10.0.0.7:8000/v1,box=http://box:1234/v1. "
        "The key of an engine is in <NAME>_API_KEY, here VLLM_API_KEY.",
    )
    model_backend: str = setting(
        "engines", "MODEL_BACKEND", forms.choice("ollama", "transformers"), "ollama",
        "What runs the default model: ollama runs OLLAMA_MODEL, transformers runs MODEL_NAME.",
    )
    ollama_model: str = setting(
        "engines", "OLLAMA_MODEL", forms.text, "",
        "The model for requests that name none; unset, the one in memory, else the newest.",
    )
    model_name: str = setting(
        "engines", "MODEL_NAME", forms.text, "",
        "The same for MODEL_BACKEND=transformers; with ollama it counts where OLLAMA_MODEL is "
        "not set.",
    )
    aliases: Mapping[str, tuple[str, ...]] = setting(
        "engines", "MODEL_ALIASES", aliases, "",
        "Other names for models: gpt-4=llama3.1:70b,claude-*=qwen3-coder. Fallbacks and more are "
        "for [aliases] in llamagate.toml; here wins over there.",
    )
    hf_models: tuple[str, ...] = setting(
        "engines", "HF_MODELS", forms.model_list, "none",
        "Hugging Face models that may be downloaded and served when a client names them: none, "
        "a comma list such as Qwen/Qwen3-0.6B,google/*, or * for any.",
    )
    hf_token: str = setting(
        "engines", "HF_TOKEN", forms.secret, "",
        "The token for Hugging Face models that are private or gated; only downloads get it.",
        secret=True,
    )
    transformers_python: Path | None = setting(
        "engines", "TRANSFORMERS_PYTHON", optional_path, "",
        "The Python that has transformers[serving], for MODEL_BACKEND=transformers and HF_MODELS.",
        shown="the environment `transformers` in DATA_DIR, else the Python LlamaGate runs in",
    )
    timeout: float = setting(
        "engines", "TIMEOUT", forms.duration(0.001, 0.5 * _HOUR), "5m",
        "How long an engine may be silent, before its first word and between words; at most 30m. "
        "It never bounds a whole answer.",
    )
    health_check_timeout: float = setting(
        "engines", "HEALTH_CHECK_TIMEOUT", forms.duration(0.001, 60.0), "5s",
        "How long an engine may take to say that it is there.",
    )

    auth: str = setting(
        "who", "AUTH", forms.choice("auto", "on", "off", true="on", false="off"), "auto",
        "Whether a key is asked for. auto: as soon as any key exists, and always when listening "
        "wider than this machine. off: never, whoever can reach the port.",
        aliases=("EGOLLAMA_REQUIRE_API_KEY", "ENVIRONMENT"),
        words=MappingProxyType({
            "EGOLLAMA_REQUIRE_API_KEY": {"1": "on", "yes": "on", "false": "auto", "0": "auto",
                                         "no": "auto", "off": "auto"},
            "ENVIRONMENT": {"production": "on", "*": ""},  # any other says nothing
        }),
    )
    api_key: str = setting(
        "who", "API_KEY", forms.secret, "",
        "The key that clients send, as X-API-Key or Authorization: Bearer.",
        secret=True, aliases=("EGOLLAMA_API_KEY",),
    )
    api_keys: tuple[str, ...] = setting(
        "who", "API_KEYS", forms.secrets, "",
        "Several keys, with commas between; each is an account of its own.",
        secret=True,
    )
    admin_key: str = setting(
        "who", "ADMIN_KEY", forms.secret, "",
        "The key of an administrator, who may also pull, create and delete models.",
        secret=True,
    )
    trusted_proxies: tuple[Network, ...] = setting(
        "who", "TRUSTED_PROXIES", forms.networks, "none",
        "Proxies whose X-Forwarded-For is believed: addresses or networks such as 10.0.0.0/8.",
    )
    tokens_file: Path = setting(
        "who", "TOKENS_FILE", forms.path, "tokens.json",
        'A JSON file of names and tokens, {"ann": "a-long-token"}, looked at on every call.',
    )

    rate_limit_rps: float = setting(
        "how much", "RATE_LIMIT_RPS", forms.number(0.001, 1e6), "10",
        "Requests per second and account; as many may come at once.",
    )
    rate_limit: RateLimit = setting(
        "how much", "RATE_LIMIT", forms.rate, "10/second",
        "The same for slower rates, and instead of RATE_LIMIT_RPS: 60/minute burst 10, 100/hour.",
        shown="as RATE_LIMIT_RPS",
    )
    max_body: int = setting(
        "how much", "MAX_BODY_MB", forms.megabytes(0.001, 4096), "50",
        "The largest request body, in megabytes.",
    )
    queue_limit: int = setting(
        "how much", "QUEUE_LIMIT", forms.whole(0, 1_000_000), "256",
        "How many requests may wait for one model of one engine.",
    )
    queue_timeout: float = setting(
        "how much", "QUEUE_TIMEOUT", forms.duration(0.001, 24 * _HOUR), "2m",
        "How long a request may wait for its turn.",
    )
    slots: int | None = setting(
        "how much", "SLOTS", forms.or_none("auto", forms.whole(1, 4096)), "auto",
        "How many requests of one model an engine runs side by side; auto finds it out.",
    )

    cache: bool = setting(
        "answers", "CACHE", forms.boolean, "true",
        "Whether identical requests are answered from memory.",
    )
    cache_ttl: float = setting(
        "answers", "CACHE_TTL", forms.duration(0.001, 365 * 24 * _HOUR), "1h",
        "How long an answer is kept.",
    )
    cache_max: int = setting(
        "answers", "CACHE_MAX_MB", forms.megabytes(0, 1024 * 1024), "64",
        "How much memory the answers may take, in megabytes.",
    )
    cache_scope: str = setting(
        "answers", "CACHE_SCOPE", forms.choice("caller", "shared"), "caller",
        "Who may be given an answer again: caller, only who asked first; shared, everybody.",
    )
    generate_style: str = setting(
        "answers", "GENERATE_STYLE", forms.choice(*GENERATE_STYLES), "egollama",
        f"Whose POST /generate is at the root: {' or '.join(GENERATE_STYLES)}.",
    )
    max_new_tokens: int = setting(
        "answers", "MAX_NEW_TOKENS", forms.whole(1, 10_000_000), "512",
        "How long an answer of /generate may be when the client does not say.",
    )
    temperature: float = setting(
        "answers", "TEMPERATURE", forms.number(0, 2), "0.7",
        "The temperature of /generate when the client does not say.",
    )
    keepalive: float = setting(
        "answers", "KEEPALIVE", forms.duration(0.01, _HOUR), "15s",
        "How long a stream may be silent before a comment keeps proxies from closing it.",
    )

    debug: bool = setting(
        "seen", "DEBUG", forms.boolean, "false",
        "Whether the log has details for finding faults. Other programs read DEBUG too; "
        "LLAMAGATE_DEBUG wins over it.",
    )
    log_file: Path | None = setting(
        "seen", "LOG_FILE", optional_path, "",
        "A file to log to as well as to the console.",
    )
    metrics: str = setting(
        "seen", "METRICS", forms.choice("public", "admin", "off"), "public",
        "Who may read /metrics: public, admin (with an administrator's key) or off.",
    )
    shutdown_timeout: float = setting(
        "seen", "SHUTDOWN_TIMEOUT", forms.duration(0, _HOUR), "30s",
        "How long running requests may go on after the gateway was told to stop.",
    )

    # fmt: on
    # What the rows and llamagate.toml come to together.
    engines: tuple[EngineSettings, ...] = ()
    default_model: str = ""
    models: Mapping[str, ModelDefaults] = field(default_factory=lambda: MappingProxyType({}))
    keys: tuple[KeySettings, ...] = ()
    roles: Mapping[str, RoleSettings] = field(
        default_factory=lambda: MappingProxyType({role.name: role for role in BUILT_IN_ROLES})
    )
    cloud_models: bool = False  # may names that leave the machine be used
    tokens_file_set: bool = False
    rate_limit_set: bool = False
    generate_style_set: bool = False
    demo: bool = False

    # Where it all came from.
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    written: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    environ: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    places: tuple[Path, ...] = ()  # the folders that files are looked for in
    files: Mapping[str, Path | None] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[str, ...] = ()

    @property
    def loopback_only(self) -> bool:
        """Can only this machine reach it? Surface ports listen on the same host."""
        return forms.is_loopback(self.host)

    @property
    def tokens_files(self) -> tuple[Path, ...]:
        """Where tokens may be; the first that is there counts."""
        if self.tokens_file_set:
            return (self.tokens_file,)
        return tuple(place / "tokens.json" for place in self.places)

    @property
    def made_key_file(self) -> Path:
        """Where the key that is made on first start is kept."""
        return self.data_dir / "admin.key"


# By the name of the field.
SETTINGS: Mapping[str, Setting] = MappingProxyType(
    {row.name: row.metadata["setting"] for row in fields(Config) if "setting" in row.metadata}
)
