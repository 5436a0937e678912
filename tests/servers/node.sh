# shellcheck shell=bash
# tests/servers/node.sh - what servers from npm share: a DIR/server.js that node runs, and where its modules are.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# need_module MODULES NAME: or exit status 77.
need_module() {
    command -v node >/dev/null && [ -d "$1/$2" ] && return
    echo "${0##*/}: node or $1/$2 is not installed" >&2
    exit 77
}

# install_module NAME VERSION: into build/servers.
install_module() {
    [ ! -d "$root/build/servers/node_modules/$1" ] || return 0
    command -v npm >/dev/null || fail 'there is no npm'
    mkdir -p "$root/build/servers"
    [ -e "$root/build/servers/package.json" ] || echo '{"private":true}' >"$root/build/servers/package.json"
    npm install --prefix "$root/build/servers" --no-audit --no-fund --ignore-scripts --silent "$1@$2"
}

# The process of DIR, if it still is the one: pids are reused.
alive() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$1/server.js" && echo "$pid"
}

stop() {
    local pid
    pid=$(alive "$1") || return 0
    kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        alive "$1" >/dev/null || return 0
        sleep 0.05
    done
    kill -KILL "$pid" 2>/dev/null || true
}

# run_server DIR PORT WORD...: DIR/server.js with these words; returns when it answers.
run_server() {
    local dir=$1 port=$2
    shift 2
    setsid node "$dir/server.js" "$@" >"$dir/server.log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    for _ in $(seq 600); do
        if curl -s -o /dev/null --noproxy '*' --max-time 5 "http://127.0.0.1:$port/"; then return; fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || fail "it died: $(tail -3 "$dir/server.log")"
        sleep 0.05
    done
    stop "$dir"
    fail "no answer on port $port"
}
