#!/bin/sh
# Installs LlamaGate, or brings an installed one up to date: settings and data stay as they are.
#
#   install/unix/install.sh                 asks a few questions; from a checkout it needs Python 3.11 or newer
#   install/unix/install.sh --yes           asks nothing and takes what the questions propose
#   install/unix/install.sh --binary FILE   installs this executable; no Python is needed
#   install/unix/install.sh --url URL       downloads the executable; checked against --sha256 SUM,
#                                           or against the SHA256SUMS that lies beside it
#   --service, --no-service                 start it with the machine, or not, without being asked
#   --root DIR                              lay the files out under DIR and start nothing, as packagers do
#
# As root it goes to /opt/llamagate and /usr/local/bin, for everybody; otherwise to ~/.local, for you.
# uninstall.sh takes it away again.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
yes='' binary='' url='' sum='' service='' root='' fresh=''

main() {
    read_options "$@"
    choose_places
    look_for_ollama
    trap undo EXIT
    trap 'exit 1' HUP INT TERM
    stage
    settings
    put_in_place
    trap - EXIT
    rm -rf "$home.old"
    offer_service
    farewell
}

say() { printf '%s\n' "$*"; }
fail() {
    printf '%s\n' "install.sh: $*" >&2
    exit 1
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        --yes | -y) yes=1 ;;
        --service) service=yes ;;
        --no-service) service=no ;;
        --binary | --url | --sha256 | --root)
            [ $# -gt 1 ] || fail "$1 needs a value."
            case $1 in
            --binary) binary=$2 ;;
            --url) url=$2 ;;
            --sha256) sum=$2 ;;
            --root) root=${2%/} ;;
            esac
            shift
            ;;
        --help | -h)
            sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *) fail "unknown option $1. install.sh --help names them all." ;;
        esac
        shift
    done
    # An unpacked release has the executable beside this script.
    [ -n "$binary$url" ] || [ ! -f "$here/llamagate" ] || binary=$here/llamagate
}

choose_places() {
    if [ "$(id -u)" -eq 0 ]; then
        home=$root/opt/llamagate
        link=$root/usr/local/bin/llamagate
        data=/var/lib/llamagate
        unit=$root/etc/systemd/system/llamagate.service
        unit_source=$here/llamagate.service
    else
        home=$root$HOME/.local/lib/llamagate
        link=$root$HOME/.local/bin/llamagate
        data=
        unit=$root$HOME/.config/systemd/user/llamagate.service
        unit_source=$here/llamagate-user.service
        if [ "$(uname)" = Darwin ]; then
            unit=$root$HOME/Library/LaunchAgents/llamagate.plist
            unit_source=$here/llamagate.plist
        fi
    fi
}

# ask DEFAULT QUESTION: prints the answer
ask() {
    answer=
    if [ -z "$yes" ] && [ -t 0 ]; then
        printf '%s [%s] ' "$2" "$1" >&2
        read -r answer || answer=
    fi
    say "${answer:-$1}"
}

look_for_ollama() {
    ollama=${OLLAMA_HOST:-http://localhost:11434}
    if command -v ollama >/dev/null 2>&1 || fetch "${ollama%/}/api/version" - >/dev/null 2>&1; then
        say "Ollama: found."
    else
        say "Ollama: not found at $ollama. LlamaGate can be installed first; it will find Ollama once that runs."
        say "        To get Ollama: https://ollama.com/download"
    fi
}

# fetch URL FILE, where FILE may be - for standard output
fetch() {
    if command -v curl >/dev/null 2>&1; then
        curl --fail --silent --show-error --location --connect-timeout 10 --output "$2" "$1"
    elif command -v wget >/dev/null 2>&1; then
        wget --quiet --timeout 10 --output-document "$2" "$1"
    else
        return 1
    fi
}

# Everything is made ready and tried in a folder beside the final one, so that a failure changes nothing.
stage() {
    new=$home.new
    if [ -d "$home.old" ] && [ ! -d "$home" ]; then
        mv "$home.old" "$home" # an earlier run was killed between its two moves
    fi
    rm -rf "$new" "$home.old"
    [ -d "$home" ] || fresh=1
    mkdir -p "$new"
    if [ -n "$url" ]; then
        download
    elif [ -n "$binary" ]; then
        [ -f "$binary" ] || fail "--binary $binary: there is no such file."
        cp "$binary" "$new/llamagate"
    else
        stage_checkout
    fi
    chmod 755 "$new/llamagate"
    [ ! -f "$here/uninstall.sh" ] || cp "$here/uninstall.sh" "$new/uninstall.sh"
    version=$("$new/llamagate" --version) || fail "the new program does not run on this machine; nothing was changed."
}

download() {
    command -v curl >/dev/null 2>&1 || command -v wget >/dev/null 2>&1 ||
        fail "neither curl nor wget is here. Install one of them, or download the file yourself and use --binary."
    say "Downloading $url"
    fetch "$url" "$new/llamagate" || fail "$url cannot be downloaded; nothing was changed."
    if [ -z "$sum" ]; then
        fetch "${url%/*}/SHA256SUMS" "$new/sums" 2>/dev/null ||
            fail "there is no SHA256SUMS beside $url to check it against. Say the sum with --sha256."
        sum=$(sed -n "s/^\([0-9a-f]\{64\}\)  ${url##*/}\$/\1/p" "$new/sums")
        rm "$new/sums"
        [ -n "$sum" ] || fail "SHA256SUMS beside $url does not name ${url##*/}."
    fi
    if command -v sha256sum >/dev/null 2>&1; then
        found=$(sha256sum <"$new/llamagate")
    else
        found=$(shasum -a 256 <"$new/llamagate")
    fi
    [ "${found%% *}" = "$sum" ] || fail "$url has the sum ${found%% *}, not $sum; nothing was changed."
}

stage_checkout() {
    checkout=$(CDPATH='' cd -- "$here/../.." && pwd)
    [ -f "$checkout/llamagate.py" ] ||
        fail "this is not a checkout of LlamaGate. Name the executable with --binary FILE or --url URL."
    cp -R "$checkout/llamagate.py" "$checkout/_llamagate" "$checkout/LICENSE" "$new"
    find "$new" -name __pycache__ -prune -exec rm -rf {} +
    "$checkout/scripts/unix/environment.sh" runtime "$new/venv"
    # The service may not write beside the program, so what can be compiled is compiled now.
    "$new/venv/bin/python" -m compileall -q "$new" >/dev/null || fail "the program does not compile."
    cat >"$new/llamagate" <<'LAUNCHER'
#!/bin/sh
self=$0
while [ -L "$self" ]; do
    target=$(readlink "$self")
    case $target in /*) self=$target ;; *) self=${self%/*}/$target ;; esac
done
exec "${self%/*}/venv/bin/python" "${self%/*}/llamagate.py" "$@"
LAUNCHER
}

settings() {
    for file in .env llamagate.toml tokens.json; do
        [ ! -f "$home/$file" ] || cp -p "$home/$file" "$new/$file"
    done
    if [ -f "$new/.env" ]; then
        say "Settings: kept as they are"
        return
    fi
    ollama=$(ask "$ollama" "Where does Ollama listen?")
    port=$(ask 8080 "On which port shall LlamaGate listen?")
    with_key=$(ask yes "Shall callers need a key?")
    umask 077
    {
        say "# LlamaGate's settings. \`llamagate config\` shows all of them and what is in force."
        say "OLLAMA_HOST=$ollama"
        say "PORT=$port"
        say "# 127.0.0.1 serves this machine only, 0.0.0.0 everybody who can reach it."
        say "HOST=127.0.0.1"
        case $with_key in
        [Nn]*) ;;
        *) say "API_KEY=sk-$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" ;;
        esac
        [ -z "$data" ] || say "DATA_DIR=$data"
    } >"$new/.env"
    umask 022
}

put_in_place() {
    [ ! -d "$home" ] || mv "$home" "$home.old"
    mv "$new" "$home"
    mkdir -p "$(dirname -- "$link")"
    ln -sfn "${home#"$root"}/llamagate" "$link"
    say "Installed: $version, as $link"
}

undo() {
    status=$?
    if [ -d "$home.old" ]; then
        rm -rf "$home"
        mv "$home.old" "$home"
    elif [ -n "$fresh" ]; then
        rm -rf "$home" "$link"
    fi
    rm -rf "$home.new"
    exit "$status"
}

offer_service() {
    started=
    if [ -n "$root" ]; then
        [ "$service" = no ] || put_unit
        return
    fi
    if [ "$(uname)" = Darwin ]; then
        offer_launchd
    elif [ "$(id -u)" -eq 0 ] && [ -d /run/systemd/system ]; then
        offer_systemd systemctl
    elif [ "$(id -u)" -ne 0 ] && systemctl --user show-environment >/dev/null 2>&1; then
        offer_systemd systemctl --user
    elif [ "$service" = yes ]; then
        fail "LlamaGate is installed, but no systemd runs here that could start it. Start it with: $link"
    fi
}

wanted() {
    [ -n "$service" ] || service=$(ask yes "Shall LlamaGate start with the machine?")
    case $service in [Nn]*) return 1 ;; esac
}

put_unit() {
    [ -f "$unit_source" ] || fail "LlamaGate is installed, but $unit_source, which starts it, is missing."
    mkdir -p "$(dirname -- "$unit")"
    sed "s|@HOME@|$HOME|g" "$unit_source" >"$unit"
}

# offer_systemd SYSTEMCTL...
offer_systemd() {
    wanted || return 0
    [ "$(id -u)" -ne 0 ] || service_account
    put_unit
    "$@" daemon-reload
    "$@" enable --quiet llamagate.service
    "$@" restart llamagate.service ||
        fail "LlamaGate is installed, but does not start. Its own words: $* status llamagate"
    started="$*"
    if [ "$(id -u)" -ne 0 ]; then
        say "It runs while you are signed in. For always: sudo loginctl enable-linger $(id -un)"
    fi
}

# The system's service runs as an account of its own, which reads the settings and owns the data.
service_account() {
    shell=/usr/sbin/nologin
    [ -x "$shell" ] || shell=/sbin/nologin
    id llamagate >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir "$data" --shell "$shell" llamagate ||
        fail "LlamaGate is installed, but the account llamagate for its service cannot be made."
    mkdir -p "$data"
    chown -R llamagate:llamagate "$data"
    chmod 700 "$data"
    for file in .env llamagate.toml tokens.json; do
        [ -f "$home/$file" ] || continue
        chown root:llamagate "$home/$file"
        chmod 640 "$home/$file"
    done
    runuser -u llamagate -- "$home/llamagate" --version >/dev/null ||
        fail "LlamaGate is installed, but the account llamagate may not run it: Python is in a private folder. \
Install the system's python3, or use --binary, and run install.sh again."
}

offer_launchd() {
    if [ "$(id -u)" -eq 0 ]; then
        say "On macOS the service belongs to a user: run install.sh again without sudo to get one."
        return
    fi
    wanted || return 0
    put_unit
    launchctl bootout "gui/$(id -u)/llamagate" 2>/dev/null || true
    launchctl bootstrap "gui/$(id -u)" "$unit" ||
        fail "LlamaGate is installed, but does not start. Look into ~/Library/Logs/LlamaGate.log"
    started=launchctl
}

farewell() {
    [ -z "$root" ] || return 0
    say "Settings: $home/.env (the key is in there)"
    [ -n "$started" ] || say "Start it:  $link"
    say "Look at it: $link doctor"
    say "Remove it: $home/uninstall.sh"
    case ":$PATH:" in
    *":$(dirname -- "$link"):"*) ;;
    *) say "To call it by its name alone, add this to your shell's profile: PATH=\"$(dirname -- "$link"):\$PATH\"" ;;
    esac
}

main "$@"
