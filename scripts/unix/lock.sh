#!/bin/sh
# Remakes requirements/*.txt from pyproject.toml. Versions move only with --upgrade, or --upgrade-package NAME.
#
# pip and uv both install these files, with every hash checked. They name no registry, so a mirror works too.
set -eu
cd "$(dirname "$0")/../.."

if ! command -v uv >/dev/null 2>&1; then
    echo "lock.sh needs uv. Install it with: python3 -m pip install uv" >&2
    exit 1
fi

lock() { # NAME [option...]: requirements/NAME.txt
    name=$1
    shift
    uv pip compile pyproject.toml --output-file "requirements/$name.txt" --quiet \
        --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --custom-compile-command scripts/unix/lock.sh "$@"
}

# gpu is small, and of use wherever there is one; the other extras are for those who ask for them.
lock runtime --extra gpu "$@"
lock dev --extra gpu --group dev --constraint requirements/runtime.txt "$@"
lock build --extra gpu --group build --constraint requirements/runtime.txt "$@"
