#!/bin/sh
# Makes .venvs/transformers, a Python with `transformers serve`. With it, the tests also run models for real.
# It is 1.2 GB with the CPU build of torch, and several times that where pip finds only the one for GPUs.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
folder=$root/.venvs/transformers
set -- 'torch==2.13.0' 'transformers[serving]==5.23.0'

[ "$(cat "$folder/packages" 2>/dev/null)" != "$*" ] || exit 0
echo "Installing into $folder" >&2
python3 -m venv --clear "$folder"
# pip rather than uv: only pip looks for a build of torch among wheels that lie on the machine.
"$folder/bin/python" -m pip install -qq --disable-pip-version-check "$@"
echo "$*" >"$folder/packages"
