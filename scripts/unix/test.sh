#!/bin/sh
# Makes the environment and runs everything a change must pass. Nothing has to be installed by hand.
#   test.sh               lint, types, import contract, tests with coverage
#   test.sh --live        tests a running gateway (BASE_URL, API_KEY)
#   test.sh --clients     drives the gateway with the official client libraries
#   test.sh tests/wires   only these tests; any pytest argument will do
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
python=$root/.venv/bin/python

if [ "${1:-}" = --live ]; then
    shift
    "$root/scripts/unix/environment.sh" runtime .venv
    exec "$python" "$root/scripts/live.py" "$@"
fi
"$root/scripts/unix/environment.sh" dev .venv
if [ "${1:-}" = --clients ]; then
    shift
    exec "$python" "$root/scripts/clients.py" "$@"
fi
exec "$python" "$root/scripts/check.py" "$@"
