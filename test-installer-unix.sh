#!/bin/sh
# Tests the installer for Linux and macOS in folders of its own; nothing is installed on this machine.
set -eu
cd "$(dirname -- "$0")"
scripts/unix/environment.sh dev .venv
.venv/bin/python -m pytest tests/test_install.py "$@"

if command -v systemd-analyze >/dev/null 2>&1; then
    # The unit as it stands, but for a program that is there to be found.
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    sed 's|^ExecStart=.*|ExecStart=/bin/true|' install/unix/llamagate.service >"$scratch/llamagate.service"
    systemd-analyze verify "$scratch/llamagate.service"
    # From 0, all locked, to 10, all open.
    systemd-analyze security --offline=true --threshold=25 --no-pager "$scratch/llamagate.service" | tail -1
else
    echo "Not run: systemd-analyze on the service's unit. To enable it: a machine with systemd."
fi
