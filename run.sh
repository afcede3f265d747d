#!/bin/sh
# Starts LlamaGate: the same as scripts/unix/run.sh.
exec "$(dirname -- "$0")/scripts/unix/run.sh" "$@"
