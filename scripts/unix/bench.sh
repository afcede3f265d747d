#!/bin/sh
# Measures what LlamaGate costs on this machine, beside nginx. Five minutes; needs two cores.
#   bench.sh              the rows that matter
#   bench.sh --long       every row, more and longer rounds, and the soak
#   bench.sh --bare       what each feature costs, one by one
#   bench.sh --peers      LiteLLM's proxy too, installed into .venvs/
#   bench.sh --row NAME   one row
#   bench.sh --json FILE  every figure, for other programs
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)

missing=
wants() { # COMMAND PACKAGE
    PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
wants nginx nginx-light
wants cc gcc
if [ "$(uname)" != Linux ]; then
    echo "The rig counts CPU time in /proc and waits with epoll: it runs on Linux only." >&2
    exit 1
elif [ -n "$missing" ]; then
    echo "The rig needs more than is here. On Debian and Ubuntu: apt-get install$missing" >&2
    exit 1
fi
"$root/scripts/unix/environment.sh" runtime .venv
cd "$root"
for option; do
    if [ "$option" = --long ]; then
        status=0
        .venv/bin/python -m bench.run "$@" || status=$?
        .venv/bin/python -m bench.soak || status=$?
        exit "$status"
    fi
done
exec .venv/bin/python -m bench.run "$@"
