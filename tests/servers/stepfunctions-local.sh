#!/usr/bin/env bash
# stepfunctions-local (npm), another implementation of the Step Functions API, for tests: install, start DIR PORT, stop DIR.
#
# "install" puts it into build/servers, when there is an npm. It listens on PORT and keeps nothing. SFL_MODULES is another
# node_modules folder that has it. Exit status 77: node or stepfunctions-local is missing.
set -euo pipefail

fail() {
    echo "stepfunctions-local.sh: $*" >&2
    exit 1
}

root=$(cd "$(dirname "$0")/../.." && pwd)
modules=${SFL_MODULES:-$root/build/servers/node_modules}

install() {
    [ ! -d "$modules/stepfunctions-local" ] || return 0
    command -v npm >/dev/null || { echo 'stepfunctions-local.sh: there is no npm' >&2; exit 77; }
    mkdir -p "$root/build/servers"
    [ -e "$root/build/servers/package.json" ] || echo '{"private":true}' >"$root/build/servers/package.json"
    npm install --prefix "$root/build/servers" --no-audit --no-fund --ignore-scripts --silent stepfunctions-local@1.3.1
}

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

start() {
    local dir=$1 port=$2
    if ! command -v node >/dev/null || [ ! -d "$modules/stepfunctions-local" ]; then
        echo "stepfunctions-local.sh: node or $modules/stepfunctions-local is not installed" >&2
        exit 77
    fi
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    # It would listen on every address.
    cat >"$dir/server.js" <<'JS'
const [modules, port] = process.argv.slice(2);
const { Server } = require('http');
const listen = Server.prototype.listen;
Server.prototype.listen = function (where, ready) {
  return listen.call(this, Number(where), '127.0.0.1', ready);
};
require(modules + '/stepfunctions-local/src/server').start({ port, region: 'local' });
process.on('SIGTERM', () => process.exit(0));
JS
    setsid node "$dir/server.js" "$modules" "$port" >"$dir/log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    for _ in $(seq 600); do
        if curl -s -o /dev/null --noproxy '*' --max-time 5 "http://127.0.0.1:$port/"; then return; fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || fail "it died: $(tail -3 "$dir/log")"
        sleep 0.05
    done
    stop "$dir"
    fail "no answer on port $port"
}

case "${1-}:$#" in
install:1) install ;;
start:3) start "$2" "$3" ;;
stop:2) stop "$(cd "$2" && pwd)" ;;
*) fail "usage: install | start DIR PORT | stop DIR" ;;
esac
