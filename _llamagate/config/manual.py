"""The manual, made from the table: .env.example and docs/configuration.md. A test holds the two
files to what these functions say."""

from textwrap import wrap

from _llamagate.config.settings import GROUPS, SETTINGS, Setting

_ENV_HEAD = """\
# The settings of LlamaGate.
#
# Copy this file to .env, beside the program or in the folder you start it from, and take the # off
# the lines you want to change. What stands here are the defaults; nothing needs to be set.
#
# The environment wins over this file, this file over llamagate.toml. Every setting also goes by
# LLAMAGATE_<NAME>, which wins over <NAME> wherever either stands: some shells export HOST, many
# programs read DEBUG. Times are written 500ms, 30s, 5m, 1h30m or in seconds; lists with commas.
# Paths start at the folder of this file. `llamagate config` shows what is in force, and from where.
# Engines with keys and limits of their own, fallbacks, defaults of a model, roles and keys by their
# hash go into llamagate.toml: see docs/configuration.md.
"""


def env_example() -> str:
    parts = [_ENV_HEAD]
    for group, title in GROUPS.items():
        parts.append(f"\n# {'-' * 20} {title}\n")
        parts += [_env_row(row) for row in SETTINGS.values() if row.group == group]
    return "".join(parts)


def _env_row(row: Setting) -> str:
    sentence = row.sentence + (f" Unset: {row.shown}." if row.shown else "")
    lines = [f"# {line}" for line in wrap(sentence, 97, break_on_hyphens=False)]
    default = "" if row.shown else row.default
    return "\n" + "\n".join([*lines, f"#{row.name}={default}"]) + "\n"


def configuration_page() -> str:
    parts = [_PAGE_HEAD]
    for group, title in GROUPS.items():
        parts.append(f"\n### {title}\n\n{_TABLE_HEAD}")
        parts += [_page_row(row) for row in SETTINGS.values() if row.group == group]
    return "".join(parts) + _PAGE_REST


def _page_row(row: Setting) -> str:
    default = row.shown or (f"`{row.default}`" if row.default else "(empty)")
    sentence = row.sentence
    if row.aliases:
        sentence += f" Also read as {', '.join(f'`{alias}`' for alias in row.aliases)}."
    cells = (f"`{row.name}`", default, sentence)
    line = "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    return line.replace("<", "&lt;")


_TABLE_HEAD = "| Setting | Default | What it does |\n| --- | --- | --- |\n"
_PAGE_HEAD = """\
# Configuration

LlamaGate needs no configuration to start. What you want to change you can say in four places; the
first that says it wins:

1. the command line: `--host`, `--port`;
2. the environment;
3. a `.env` file, one `NAME=value` a line ([.env.example](../.env.example) is a copy to start from);
4. `llamagate.toml`, which also holds what does not fit into one line.

Every setting also goes by `LLAMAGATE_<NAME>`, which wins over `<NAME>` in the environment and in
`.env`: some shells export `HOST`, many programs read `DEBUG`. A setting that is there but empty
counts as not set, and hides what the places below it say.

`.env`, `llamagate.toml` and `tokens.json` are looked for in the folder of the file that `--config`
names, in the current folder, in the folder of the program, and in `DATA_DIR`; the first found is
used. `--config FILE` names the file itself: a `.toml` file, or by any other name a `.env` file.
Relative paths start at the folder of the file they stand in, or at the current folder.

`llamagate config` shows what is in force, where it came from and which files were found, with
secrets masked. Whatever is wrong with the settings is reported at once, before anything starts, and
the exit status is 2. A name that starts with `LLAMAGATE_` but is no setting is a mistake too.

Times are written `500ms`, `30s`, `5m`, `1h30m`, or as a number of seconds. Sizes are megabytes:
`50`, `512KB`, `1GB`. Lists have commas.

## Settings
"""

_PAGE_REST = """
## llamagate.toml

All settings above may stand at the top of the file, in lower case: `port = 9000`,
`api_keys = ["one", "two"]`. Tables come after them. An unknown key is a mistake and is reported.

### Engines

```toml
[[engines]]
name = "attic"                    # letters, digits and . _ -
url = "http://192.168.1.20:11434" # no user name or password in it
kind = "ollama"                   # the default; or "openai"
key = "..."                       # sent as a bearer token; else taken from ATTIC_API_KEY
models = ["llama3.1:8b"]          # only these; unset, the engine is asked
weight = 2.0                      # gets twice the work of an engine with 1.0
slots = 4                         # unset, as SLOTS says
timeout = "10m"                   # unset, as TIMEOUT says
probe_timeout = "2s"              # unset, as HEALTH_CHECK_TIMEOUT says
ca_file = "attic-ca.pem"          # trust this authority for https
```

The list replaces the default of `OLLAMA_HOST`. Engines that `OLLAMA_HOST` and `OPENAI_ENGINES` name
are added to it.

### Other names for models

```toml
[aliases]
"gpt-4" = ["llama3.1:70b", "qwen3:32b"]   # the first that can answer
"claude-*" = "qwen3-coder"
```

### Defaults of a model

```toml
[models."llama3.1:8b"]
num_ctx = 16384
keep_alive = "30m"
temperature = 0.3
system = "You answer in one sentence."
lock = ["num_ctx", "system"]      # a client may not override these
```

Known are `num_ctx`, `keep_alive`, `temperature`, `top_p`, `top_k`, `min_p`, `seed`,
`presence_penalty`, `frequency_penalty`, `repeat_penalty`, `max_tokens`, `stop`, `system`, `think`
and `lock`. They hold where the client does not say otherwise.

```toml
cloud_models = true               # stands at the top of the file
```

lets clients use models whose names end in `:cloud` or `-cloud`. They are computed by somebody else,
so they are refused unless you say this.

### Keys and roles

```toml
[keys.ann]
sha256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
role = "lab"
weight = 2.0                      # unset, as the role says
models = ["llama3.1:8b"]          # unset, as the role says

[roles.lab]
weight = 1.0                      # the share of a busy engine
priority = "interactive"          # or "batch", which waits for all others
models = ["llama3.1:8b"]          # an allow-list; unset, every model
admin = false                     # may pull, create and delete models
```

`printf %s "$KEY" | sha256sum` makes the hash. The roles `admin`, `basic` and `premium` are there
already, with weights 1, 1 and 2; `user` is another word for `basic`.

### Ports of their own

```toml
[surfaces]
egollama = 8082
ollama = 11435
```

is `SURFACE_PORTS` in another form, and counts where that is not set.
"""
