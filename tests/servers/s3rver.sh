#!/usr/bin/env bash
# A private s3rver (npm), a small fake of S3, for tests: install, start DIR [PORT], stop DIR.
#
# "install" puts it into build/servers, when there is an npm. It listens on 127.0.0.1 and keeps its data in
# DIR. S3RVER_MODULES is another node_modules folder that has it. Exit status 77: node or s3rver is missing. The keys are S3RVER / S3RVER. It has no list of
# parts, no abort and no copy of parts, and checks neither MD5s nor signatures of bodies.
set -euo pipefail
. "$(dirname "$0")/node.sh"

start() {
    local dir=$1 port=$2 modules=${S3RVER_MODULES:-$root/build/servers/node_modules}
    need_module "$modules" s3rver
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
    run_server "$dir" "$port" "$modules" "$dir/data" "$port"
}

case "${1-}:$#" in
install:1) install_module s3rver 3.7.1 ;;
start:2) start_anywhere "$2" ;;
start:3) start "$2" "$3" ;;
stop:2) stop "$(cd "$2" && pwd)" ;;
*) fail "usage: install | start DIR [PORT] | stop DIR" ;;
esac
