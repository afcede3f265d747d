#!/bin/sh
# Removes LlamaGate. Settings and data stay, for the next installation, unless --purge is said.
#
#   uninstall.sh           asks first
#   uninstall.sh --yes     does not ask
#   uninstall.sh --purge   removes settings, keys, accounts and records too
#   --root DIR             where install.sh --root DIR put it
set -eu
yes='' purge='' root=''

fail() {
    printf '%s\n' "uninstall.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
    --yes | -y) yes=1 ;;
    --purge) purge=1 ;;
    --root)
        [ $# -gt 1 ] || fail "--root needs a folder."
        root=${2%/}
        shift
        ;;
    --help | -h)
        sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "unknown option $1. uninstall.sh --help names them all." ;;
    esac
    shift
done

if [ "$(id -u)" -eq 0 ]; then
    home=$root/opt/llamagate
    link=$root/usr/local/bin/llamagate
    data=$root/var/lib/llamagate
    unit=$root/etc/systemd/system/llamagate.service
    set -- systemctl
else
    home=$root$HOME/.local/lib/llamagate
    link=$root$HOME/.local/bin/llamagate
    data=$root${XDG_DATA_HOME:-$HOME/.local/share}/llamagate
    unit=$root$HOME/.config/systemd/user/llamagate.service
    set -- systemctl --user
fi
if [ "$(uname)" = Darwin ]; then
    data="$root$HOME/Library/Application Support/LlamaGate"
    unit=$root$HOME/Library/LaunchAgents/llamagate.plist
fi

if [ ! -e "$home" ] && [ ! -e "$unit" ] && { [ -z "$purge" ] || [ ! -e "$data" ]; }; then
    echo "LlamaGate is not installed here."
    exit 0
fi
if [ -z "$yes" ] && [ -t 0 ]; then
    if [ -n "$purge" ]; then
        printf 'Remove LlamaGate with all settings, keys, accounts and records? [no] '
    else
        printf 'Remove LlamaGate? Settings and data stay. [no] '
    fi
    read -r answer || answer=
    case $answer in [Yy]*) ;; *) exit 1 ;; esac
fi

if [ -e "$unit" ]; then
    if [ -n "$root" ]; then
        :
    elif [ "$(uname)" = Darwin ]; then
        launchctl bootout "gui/$(id -u)/llamagate" 2>/dev/null || true
    else
        "$@" disable --quiet --now llamagate.service || true
    fi
    rm -f "$unit"
    [ -n "$root" ] || [ "$(uname)" = Darwin ] || "$@" daemon-reload || true
fi
rm -f "$link"
rm -rf "$home.new" "$home.old"
if [ -n "$purge" ]; then
    rm -rf "$home" "$data"
    if [ "$(id -u)" -eq 0 ] && [ -z "$root" ]; then
        rm -rf /var/log/llamagate
        ! id llamagate >/dev/null 2>&1 || userdel llamagate 2>/dev/null || true
    fi
    echo "LlamaGate is gone, with its settings and data."
else
    [ ! -d "$home" ] || find "$home" -mindepth 1 -maxdepth 1 \
        ! -name .env ! -name llamagate.toml ! -name tokens.json -exec rm -rf {} +
    echo "LlamaGate is gone. Its settings are still in $home, its data in $data."
fi
