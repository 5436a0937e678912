#!/usr/bin/env bash
# stepfunctions-local (npm), another implementation of the Step Functions API, for tests: install, start DIR [PORT], stop DIR.
#
# "install" puts it into build/servers, when there is an npm. It listens on PORT and keeps nothing. SFL_MODULES is another
# node_modules folder that has it. Exit status 77: node or stepfunctions-local is missing.
set -euo pipefail
. "$(dirname "$0")/node.sh"

start() {
    local dir=$1 port=$2 modules=${SFL_MODULES:-$root/build/servers/node_modules}
    need_module "$modules" stepfunctions-local
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
    run_server "$dir" "$port" "$modules" "$port"
}

case "${1-}:$#" in
install:1) install_module stepfunctions-local 1.3.1 ;;
start:2) start_anywhere "$2" ;;
start:3) start "$2" "$3" ;;
stop:2) stop "$(cd "$2" && pwd)" ;;
*) fail "usage: install | start DIR [PORT] | stop DIR" ;;
esac
