#!/usr/bin/env bash
# A private s3rver (npm), a small fake of S3, for tests: install, start DIR [PORT], stop DIR.
#
# "install" puts it into build/servers, when there is an npm. It listens on 127.0.0.1 and keeps its data in
# DIR. S3RVER_MODULES is another node_modules folder that has it. Exit status 77: node or s3rver is missing. The keys are S3RVER / S3RVER. It has no list of
# parts, no abort and no copy of parts, and checks neither MD5s nor signatures of bodies.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

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
    local dir=$1 port=$2 root modules
    root=$(cd "$(dirname "$0")/../.." && pwd)
    modules=${S3RVER_MODULES:-$root/build/servers/node_modules}
    if ! command -v node >/dev/null || [ ! -d "$modules/s3rver" ]; then
        echo "s3rver.sh: node or $modules/s3rver is not installed" >&2
        exit 77
    fi
    mkdir -p "$dir/data"
    dir=$(cd "$dir" && pwd)
    cat >"$dir/server.js" <<'JS'
const [modules, directory, port] = process.argv.slice(2);
const S3rver = require(modules + '/s3rver');
new S3rver({ address: '127.0.0.1', port: Number(port), directory, silent: true }).run().catch((error) => {
  console.error(error);
  process.exit(1);
});
process.on('SIGTERM', () => process.exit(0));
JS
    setsid node "$dir/server.js" "$modules" "$dir/data" "$port" >"$dir/server.log" 2>&1 </dev/null &
    echo $! >"$dir/pid"
    for _ in $(seq 600); do
        if curl -s -o /dev/null --noproxy '*' --max-time 5 "http://127.0.0.1:$port/"; then return; fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || fail "it died: $(tail -3 "$dir/server.log")"
        sleep 0.05
    done
    stop "$dir"
    fail "no answer on port $port"
}

install() {
    local root
    root=$(cd "$(dirname "$0")/../.." && pwd)
    [ ! -d "$root/build/servers/node_modules/s3rver" ] || return 0
    command -v npm >/dev/null || fail 'there is no npm'
    mkdir -p "$root/build/servers"
    echo '{"private":true}' >"$root/build/servers/package.json"
    npm install --prefix "$root/build/servers" --no-audit --no-fund --ignore-scripts --silent s3rver@3.7.1
}

case "${1-}:$#" in
install:1) install ;;
start:2) start_anywhere "$2" ;;
start:3) start "$2" "$3" ;;
stop:2) stop "$(cd "$2" && pwd)" ;;
*) fail "usage: install | start DIR [PORT] | stop DIR" ;;
esac
