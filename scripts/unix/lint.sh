#!/bin/sh
# The checks that need nothing to run: style, format, import contract, types, shell scripts.
# `lint.sh --fix` mends what can be mended by machine first.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
"$root/scripts/unix/environment.sh" dev .venv
cd "$root"

if [ "${1:-}" = --fix ]; then
    .venv/bin/ruff check --quiet --fix
    .venv/bin/ruff format --quiet
    .venv/bin/python -m scripts.manual
fi
exec .venv/bin/python scripts/check.py --lint
