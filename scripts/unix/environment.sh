#!/bin/sh
# environment.sh LOCK FOLDER: makes the environment that requirements/LOCK.txt describes. For the scripts beside it.
set -eu
here=$(dirname -- "$0")

if command -v python3 >/dev/null 2>&1; then
    exec python3 "$here/../environment.py" "$@"
elif command -v uv >/dev/null 2>&1; then
    exec uv run --quiet --no-project --python '>=3.11' "$here/../environment.py" "$@"
fi
echo "LlamaGate needs Python 3.11 or newer, and there is none here. Install it with:" >&2
echo "  Debian, Ubuntu   sudo apt install python3 python3-venv" >&2
echo "  macOS            brew install python" >&2
exit 1
