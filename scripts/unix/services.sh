#!/bin/sh
# Installs, where apt is, what some tests and checks use beside Python: see docs/TESTING.md for what each is for.
set -eu
packages="shellcheck nodejs npm"

if ! command -v apt-get >/dev/null 2>&1; then
    echo "No apt here. Install these with your own package manager: $packages" >&2
    exit 1
fi
missing=
for package in $packages; do
    case $package in nodejs) program=node ;; *) program=$package ;; esac
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done
if [ -n "$missing" ]; then
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
    echo "Installed:$missing"
fi
