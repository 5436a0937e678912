# shellcheck shell=bash
# tests/servers/lib.sh - what the scripts of the servers share: read by them, not run.
#
# A script has verbs `start DIR PORT` and `stop DIR`. From here comes `start DIR`: it chooses PORT, writes
# it to DIR/port, and begins again with another one when the server does not come up, because a port
# that is free now may be taken when the server gets to it. With a process's number in SERVER_ENDS_WITH the
# server is stopped when that process is gone. Exit status 77: packages are missing.
PORTS=20       # that one server may use, from PORT on
FIRST_PORT=10000 LAST_PORT=32000 # below those that outgoing connections get (ip(7), ip_local_port_range)
ATTEMPTS=3

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# are_free PORT: whether nobody listens on it and those behind it.
are_free() {
    local port
    for ((port = $1; port < $1 + PORTS; port++)); do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 1
    done
}

free_port() {
    local port
    for _ in $(seq 500); do
        port=$((FIRST_PORT + RANDOM % ((LAST_PORT - FIRST_PORT) / PORTS) * PORTS))
        if are_free "$port"; then
            echo "$port"
            return
        fi
    done
    fail 'no free ports'
}

# end_with PID DIR: stops the server of DIR when the process has gone. What ends a test by its group does
# not reach who waits for that.
end_with() {
    # shellcheck disable=SC2016 # the words are the other shell's
    setsid sh -c 'tail --pid="$1" -s 0.2 -f /dev/null; exec "$2" stop "$3"' - "$1" "$(realpath "$0")" "$2" \
        >/dev/null 2>&1 </dev/null &
}

# start_anywhere DIR: DIR is empty or not there yet.
start_anywhere() {
    local dir port status attempt
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    [ -z "$(ls -A "$dir")" ] || fail "$dir is not empty"
    for ((attempt = 1; attempt <= ATTEMPTS; attempt++)); do
        port=$(free_port)
        status=0
        "$0" start "$dir" "$port" || status=$?
        case $status in
        0)
            echo "$port" >"$dir/port"
            [ -z "${SERVER_ENDS_WITH:-}" ] || end_with "$SERVER_ENDS_WITH" "$dir"
            ;;
        77) ;;
        *)
            echo "${0##*/}: exit status $status on port $port; its logs end so:" >&2
            find "$dir" -name '*.log' -not -path '*.db/*' -size +0 -exec sh -c 'echo "$1:"; grep . "$1" | tail -n 8' - {} \; >&2
            rm -rf -- "${dir:?}"/*
            [ "$attempt" -eq "$ATTEMPTS" ] || echo "${0##*/}: tries again on another port" >&2
            continue
            ;;
        esac
        exit "$status"
    done
    exit 1
}
