#!/usr/bin/env bash
# One private Ceph cluster with a RADOS gateway, for tests: start DIR [PORT], stop DIR; kill DIR ends the
# gateway alone, at once, and again DIR starts it again.
#
# Everything lives in DIR and listens on 127.0.0.1: PORT is S3, PORT+1 the monitor, PORT+2 and above the
# object daemon. "start" returns when the gateway answers. Exit status 77: the packages are missing.
# Debian: radosgw ceph-mon ceph-osd ceph-base ceph-common (docs/storage.md).
# The keys are splitreelaccess / splitreelsecretkey.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/usr/bin
ACCESS=splitreelaccess SECRET=splitreelsecretkey
STORE_BYTES=${CEPH_STORE_BYTES:-6442450944} # a sparse file

# The process in DIR/NAME.pid, if it still is the daemon of this DIR: pids are reused.
alive() {
    local pid
    pid=$(cat "$1/$2.pid" 2>/dev/null) || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$1/ceph.conf" && echo "$pid"
}

stop() {
    local name pid
    for name in rgw osd mon; do
        pid=$(alive "$1" "$name") || continue
        kill -TERM "$pid" 2>/dev/null || true
        for _ in $(seq 100); do
            alive "$1" "$name" >/dev/null || break
            sleep 0.05
        done
        if pid=$(alive "$1" "$name"); then kill -KILL "$pid" || true; fi
    done
}

configure() {
    cat >"$1/ceph.conf" <<CONF
[global]
fsid = $3
mon host = [v1:127.0.0.1:$(($2 + 1))/0]
mon initial members = a
public addr = 127.0.0.1
ms bind msgr2 = false
ms bind ipv6 = false
ms bind port min = $(($2 + 2))
ms bind port max = $(($2 + 17))
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
run dir = $1
admin socket =
crash dir = $1/crash
log file = $1/log/\$name.log
mon cluster log file = $1/log/cluster.log
log to stderr = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 2
osd pool default pgp num = 2
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon warn on pool no redundancy = false
[mon]
mon data = $1/mon
mon data avail crit = 0
paxos propose interval = 0.02
paxos min wait = 0.01
mon osd full ratio = 0.97
[mon.a]
mon addr = v1:127.0.0.1:$(($2 + 1))
pid file = $1/mon.pid
[osd]
osd data = $1/osd
osd objectstore = bluestore
osd journal =
osd memory target = 939524096
osd op num shards = 2
bluestore block create = true
bluestore block size = $STORE_BYTES
bluestore cache autotune = false
bluestore cache size = 67108864
[osd.0]
pid file = $1/osd.pid
[client]
rgw zone root pool = .rgw.root
[client.rgw.a]
rgw frontends = beast endpoint=127.0.0.1:$2
rgw data = $1/rgw
rgw thread pool size = 64
rgw enable usage log = false
pid file = $1/rgw.pid
CONF
}

# A monitor that has just begun, and an osd that is quicker than its first map, are asked again.
insist() {
    for _ in $(seq 20); do
        if "$@"; then return; fi
        sleep 0.1
    done
    return 1
}

create() {
    local dir=$1 port=$2 osd
    osd=$(cat /proc/sys/kernel/random/uuid)
    configure "$dir" "$port" "$(cat /proc/sys/kernel/random/uuid)"
    export CEPH_CONF=$dir/ceph.conf
    local fsid
    fsid=$(sed -n 's/^fsid = //p' "$dir/ceph.conf")
    {
        monmaptool --create --clobber --fsid "$fsid" --addv a "[v1:127.0.0.1:$((port + 1))]" "$dir/monmap"
        ceph-mon -c "$dir/ceph.conf" -i a --mkfs --monmap "$dir/monmap"
        ceph-mon -c "$dir/ceph.conf" -i a
        ceph-osd -c "$dir/ceph.conf" -i 0 --mkfs --osd-uuid "$osd"
        insist timeout 60 ceph -c "$dir/ceph.conf" osd create "$osd" 0
        insist ceph-osd -c "$dir/ceph.conf" -i 0
        timeout 60 radosgw-admin -c "$dir/ceph.conf" user create --uid=splitreel --display-name=splitreel \
            --access-key="$ACCESS" --secret-key="$SECRET"
    } >>"$dir/log/start.log" 2>&1
}

# gateway DIR PORT: starts it, and waits until it answers.
gateway() {
    radosgw -c "$1/ceph.conf" -n client.rgw.a >>"$1/log/start.log" 2>&1
    for _ in $(seq 600); do
        if curl -sf -o /dev/null --noproxy '*' --max-time 5 "http://127.0.0.1:$2/"; then return; fi
        sleep 0.1
    done
    fail "no answer on port $2"
}

kill_gateway() {
    local pid
    pid=$(alive "$1" rgw) || fail 'the gateway does not run'
    kill -KILL "$pid"
    while alive "$1" rgw >/dev/null; do sleep 0.01; done
}

start() {
    local dir=$1 port=$2 tool
    for tool in ceph ceph-mon ceph-osd radosgw radosgw-admin monmaptool curl; do
        command -v "$tool" >/dev/null || {
            echo "ceph-rgw.sh: $tool is not installed" >&2
            exit 77
        }
    done
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ ! -e "$dir/ceph.conf" ] || fail "$dir has been used already"
    mkdir -p "$dir"/{log,crash,mon,osd,rgw}
    DIR=$dir
    trap 'stop "$DIR"; tail -3 "$DIR/log/start.log" >&2' EXIT
    create "$dir" "$port"
    gateway "$dir" "$port"
    trap - EXIT
}

case "${1-}:$#" in
start:2) start_anywhere "$2" ;;
start:3) start "$2" "$3" ;;
stop:2) stop "$(cd "$2" && pwd)" ;;
kill:2) kill_gateway "$(cd "$2" && pwd)" ;;
again:2) gateway "$(cd "$2" && pwd)" "$(cat "$2/port")" ;;
*) fail "usage: start DIR [PORT] | stop DIR | kill DIR | again DIR" ;;
esac
