#!/bin/bash
# docs/walkthrough.md, its lines typed one after the other, in a home and on ports of their own.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/servers/lib.sh
. tests/servers/lib.sh
needs walkthrough aws curl jq python3 radosgw
port=$(free_port)
# One of the ports behind it is held, so that no server's script takes them while no service listens.
python3 -c 'import signal, socket, sys; held = socket.create_server(("127.0.0.1", int(sys.argv[1]))); signal.pause()' $((port + 2)) &
holder=$!
trap 'kill "$holder"; tests/servers/ceph-rgw.sh stop "$work/hour/ceph" >/dev/null 2>&1; rm -rf -- "$work"' EXIT

# The lines between ```sh and ```, with this build, these media and ports instead of the document's.
lines()
{
    sed -n '/^```sh$/,/^```$/{/^```/!p}' docs/walkthrough.md |
        sed -e "s|PATH=\$PWD/build:|PATH=${SPLITREEL%/*}:|; s|\$repository/build/fixtures|$FIXTURES|" -e "s/8083/$port/g; s/8084/$((port + 1))/g"
}

typed()
{
    {
        # shellcheck disable=SC2016
        echo 'set -eu; service= receiver=; trap '\''for pid in $service $receiver; do kill -9 "$pid" 2>/dev/null || true; done'\'' EXIT'
        lines
    } >"$work/lines.sh"
    HOME=$work timeout 300 bash "$work/lines.sh" >"$work/said.txt" 2>&1 || {
        tail -n 25 "$work/said.txt"
        grep -h '"level":"\(warn\|error\)"' "$work/hour/serve.log" | tail -n 5
        return 1
    }
}
root=$PWD
in_root() { cd "$root" && "$@"; }

webhook() { says 'job.succeeded s3://films/made/a film, äöü.mp4/report.json signature good' "$work/hour/heard.txt"; }
once() { [ "$(grep -c SUCCEEDED "$work/said.txt")" -ge 2 ] && ! grep -q 'FAILED' "$work/said.txt" || { cat "$work/said.txt"; complain 'another number of jobs'; }; }

try 'walkthrough: every line of it' in_root typed
try 'walkthrough: the webhook' webhook
try 'walkthrough: each film one job' once
finish
