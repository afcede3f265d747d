#!/bin/sh
# Starts LlamaGate from this checkout, installing what it needs into .venv first. Options go to llamagate:
#   scripts/unix/run.sh --demo
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
"$root/scripts/unix/environment.sh" runtime .venv
exec "$root/.venv/bin/python" "$root/llamagate.py" "$@"
