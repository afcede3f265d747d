#!/bin/sh
# Builds dist/llamagate, one file that runs on machines without Python, and starts it once to see that it works.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
"$root/scripts/unix/environment.sh" build .venvs/build
"$root/.venvs/build/bin/python" "$root/scripts/build.py"
exec "$root/dist/llamagate" selftest
