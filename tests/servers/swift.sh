#!/usr/bin/env bash
# A private OpenStack Swift on one node with its S3 API, for tests: start DIR [PORT], stop DIR.
#
# Everything lives in DIR (a file system with extended attributes) and listens on 127.0.0.1: PORT is S3, PORT+1 to
# PORT+3 objects, containers and accounts, PORT+4 memcached. "start" returns when all of them answer. Exit status 77:
# the packages are missing. Debian: swift swift-proxy swift-account swift-container swift-object memcached
# (docs/storage.md). The keys are splitreel:access / splitreelsecretkey.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin:/usr/bin
ACCOUNT=splitreel USER_NAME=access SECRET=splitreelsecretkey
KINDS=(object container account)     # in the order of their ports, PORT+1 and on
DAEMONS=(proxy "${KINDS[@]}" memcached) # in the order in which they stop

# The process in DIR/NAME.pid, if it still is a daemon of this DIR: pids are reused.
alive() {
    local pid
    pid=$(cat "$1/$2.pid" 2>/dev/null) || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$1/" && echo "$pid"
}

# Each daemon leads a group of processes.
stop() {
    local name pid
    for name in "${DAEMONS[@]}"; do
        pid=$(alive "$1" "$name") || continue
        kill -TERM -- "-$pid" 2>/dev/null || true
        for _ in $(seq 100); do
            alive "$1" "$name" >/dev/null || break
            sleep 0.05
        done
        if alive "$1" "$name" >/dev/null; then kill -KILL -- "-$pid" 2>/dev/null || true; fi
    done
}

# launch DIR NAME COMMAND...
launch() {
    local dir=$1 name=$2
    shift 2
    setsid "$@" >>"$dir/log/$name.log" 2>&1 </dev/null &
    echo $! >"$dir/$name.pid"
}

# What the servers' files have in common.
defaults() {
    printf '[DEFAULT]\nswift_dir = %s\nbind_ip = 127.0.0.1\nbind_port = %s\nworkers = 0\nuser = %s\nlog_address = %s/none\n' \
        "$1" "$2" "$(id -un)" "$1"
}

configure_backends() {
    local dir=$1 port=$2 kind i=0
    for kind in "${KINDS[@]}"; do
        i=$((i + 1))
        {
            defaults "$dir" "$((port + i))"
            printf 'devices = %s/disks\nmount_check = false\ndisable_fallocate = true\nfallocate_reserve = 0\n' "$dir"
            printf 'recon_cache_path = %s/recon\n[pipeline:main]\npipeline = %s-server\n' "$dir" "$kind"
            printf '[app:%s-server]\nuse = egg:swift#%s\n' "$kind" "$kind"
        } >"$dir/$kind-server.conf"
    done
}

configure_proxy() {
    local dir=$1 port=$2 name
    {
        defaults "$dir" "$port"
        printf '[pipeline:main]\npipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api '
        printf 'tempauth copy slo dlo versioned_writes symlink proxy-server\n'
        printf '[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n'
        printf '[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:%s\n' "$((port + 4))"
        printf '[filter:s3api]\nuse = egg:swift#s3api\nlocation = us-east-1\nmin_segment_size = 5242880\n'
        printf '[filter:tempauth]\nuse = egg:swift#tempauth\nuser_%s_%s = %s .admin\n' "$ACCOUNT" "$USER_NAME" "$SECRET"
        # else blanks come while parts are put together, and some clients take them for the answer
        printf '[filter:slo]\nuse = egg:swift#slo\nyield_frequency = 0\n'
        printf '[filter:versioned_writes]\nuse = egg:swift#versioned_writes\nallow_versioned_writes = true\n'
        for name in catch_errors gatekeeper healthcheck listing_formats bulk copy dlo symlink; do
            printf '[filter:%s]\nuse = egg:swift#%s\n' "$name" "$name"
        done
    } >"$dir/proxy-server.conf"
}

# One device holds the only replica of everything.
make_rings() {
    local dir=$1 port=$2 kind i=0
    for kind in "${KINDS[@]}"; do
        i=$((i + 1))
        (
            cd "$dir"
            swift-ring-builder "$kind.builder" create 4 1 0
            swift-ring-builder "$kind.builder" add "r1z1-127.0.0.1:$((port + i))/disk" 1
            swift-ring-builder "$kind.builder" rebalance 0
        ) >>"$dir/log/start.log" 2>&1
    done
}

wait_for() {
    local dir=$1 port=$2 name
    for _ in $(seq 1200); do
        if curl -s -o /dev/null --noproxy '*' --max-time 5 "http://127.0.0.1:$port/healthcheck"; then return; fi
        for name in "${DAEMONS[@]}"; do
            kill -0 "$(cat "$dir/$name.pid")" 2>/dev/null || fail "$name died: $(tail -3 "$dir/log/$name.log")"
        done
        sleep 0.1
    done
    fail "no answer on port $port"
}

start() {
    local dir=$1 port=$2 tool kind seed i
    for tool in swift-ring-builder swift-{proxy,object,container,account}-server memcached curl setsid; do
        command -v "$tool" >/dev/null || {
            echo "swift.sh: $tool is not installed" >&2
            exit 77
        }
    done
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    [ ! -e "$dir/swift.conf" ] || fail "$dir has been used already"
    mkdir -p "$dir"/{log,recon,disks/disk}
    seed=$(cat /proc/sys/kernel/random/uuid)
    printf '[swift-hash]\nswift_hash_path_prefix = %s\nswift_hash_path_suffix = %s\n' "$seed" "$seed" >"$dir/swift.conf"
    printf '[storage-policy:0]\nname = only\ndefault = yes\n' >>"$dir/swift.conf"
    configure_backends "$dir" "$port"
    configure_proxy "$dir" "$port"
    make_rings "$dir" "$port"
    DIR=$dir
    trap 'stop "$DIR"' EXIT
    # -P names DIR, so that alive() knows it
    launch "$dir" memcached memcached -l 127.0.0.1 -p "$((port + 4))" -U 0 -m 64 -P "$dir/memcached.self" -u "$(id -un)"
    for kind in "${KINDS[@]}" proxy; do
        launch "$dir" "$kind" "swift-$kind-server" "$dir/$kind-server.conf" -v
    done
    for i in 1 2 3 0; do wait_for "$dir" "$((port + i))"; done
    trap - EXIT
}

case "${1-}:$#" in
start:2) start_anywhere "$2" ;;
start:3) start "$2" "$3" ;;
stop:2) stop "$(cd "$2" && pwd)" ;;
*) fail "usage: start DIR [PORT] | stop DIR" ;;
esac
