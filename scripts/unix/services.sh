#!/bin/sh
# Installs, where apt is, what tests and builds use beside Python's own packages.
set -eu

missing=
wants() { # PACKAGE COMMAND...: wants the package where the command fails
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
wants python3 command -v python3
wants python3-venv python3 -c 'import ensurepip, venv'
wants shellcheck command -v shellcheck
wants nodejs command -v node
wants npm command -v npm
wants binutils command -v strip
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo 3)
wants "libpython$version" python3 -c '
import ctypes, os, sysconfig
library = sysconfig.get_config_var("INSTSONAME")
if not os.path.exists(os.path.join(sysconfig.get_config_var("LIBDIR"), library)):
    ctypes.CDLL(library)
'
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "No apt here. Install these with your own package manager:$missing" >&2
    exit 1
fi
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}
as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
echo "Installed:$missing"
