#!/usr/bin/env bash
# The service from outside, over HTTP, every goal of it: starts by 50 connections, each on disk before its answer; what 1,000 open polls and
# 10,000 waiting executions take; 33,600 activity tasks by 1,000 workers, then 500 a second; recovery after kill -9. Needs make all and
# build/bench/service_load (make bench-service does both).
#
#   bench/service.sh [WHAT...]      starts, polls, waiting, tasks, dispatch, recovery; all of them when none is named
#   STARTS (20000), POLLS (1000), WAITING (10000), TASKS (33600), DISPATCHED (5000), OPEN (1000): how many of each
source "$(dirname "$0")/lib.sh"
[[ $# -gt 0 ]] || set -- starts polls waiting tasks dispatch recovery
STARTS=${STARTS:-20000} POLLS=${POLLS:-1000} WAITING=${WAITING:-10000} TASKS=${TASKS:-33600} DISPATCHED=${DISPATCHED:-5000} OPEN=${OPEN:-1000}
folder=$(mktemp -d "$work/service-XXXXXX")
server=
stop() { [[ -z $server ]] || { kill "$server" && wait "$server" || true; } 2>/dev/null; server=; }
end() { stop; rm -rf -- "$folder"; }
trap end EXIT
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY

machine_put() { op CreateStateMachine "$(jq -cn --arg name "$1" --arg definition "$2" '{$name, $definition, roleArn: "arn:aws:iam::123456789012:role/r"}')" >/dev/null; }
metric() { curl -sSf "$url/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
# expect NAME NUMBER: else the bench measures something else.
expect() {
    local got
    got=$(metric "$1")
    [[ $got == "$2" ]] || { say "$1 is $got, not $2"; exit 1; }
}
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($14 + $15) / hz }' "/proc/$server/stat"; }
memory() { awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status"; }
since() { awk -v from="$2" -v to="$1" 'BEGIN { printf "%.2f", to - from }'; }
load() { "$root/build/bench/service_load" "$@"; }
per_second() { sed -E 's/.*s, ([0-9]+) per second.*/\1/' <<<"$1"; }
p99() { sed -E 's/.*p99 ([0-9.]+) ms.*/\1/' <<<"$1"; }
# row WHAT GOAL MEASURED LIMIT SIGN DETAILS
row() {
    local met=missed
    if awk -v a="$3" -v b="$4" "BEGIN { exit !(a $5 b) }"; then met=met; fi
    printf '| %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$met" "$6"
}

arn=arn:aws:states:us-east-1:123456789012
activity=$arn:activity:work

starts() {
    local before said
    serve starts --log-level error
    machine_put m '{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}'
    before=$(cpu)
    said=$(load starts "$at" "$arn:stateMachine:m" "$STARTS" 50)
    row 'starts over the API, 50 connections, per second' '>= 5000' "$(per_second "$said")" 5000 '>=' \
        "$said; CPU of the service $(since "$(cpu)" "$before") s"
    stop
}

polls() {
    local before pid
    serve polls --log-level error
    op CreateActivity '{"name":"work"}' >/dev/null
    before=$(memory)
    mkfifo "$folder/hold" "$folder/open"
    load polls "$at" "$activity" "$POLLS" <"$folder/hold" >"$folder/open" &
    pid=$!
    exec 3>"$folder/hold"
    read -r _ <"$folder/open"
    until [[ $(metric "splitreel_activity_pollers{activity=\"$activity\"}") == "$POLLS" ]]; do :; done
    row "memory with $POLLS polls open, MB" '< 300' "$(memory)" 300 '<' "without them $before MB"
    exec 3>&-
    wait "$pid"
    stop
}

waiting() {
    local memory_before before after
    serve waiting --log-level error
    machine_put w '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":86400,"End":true}}}'
    memory_before=$(memory)
    load starts "$at" "$arn:stateMachine:w" "$WAITING" 50 >/dev/null
    expect splitreel_executions_open "$WAITING"
    before=$(cpu)
    sleep 10
    after=$(cpu)
    row "memory with $WAITING executions waiting, MB" '< 100' "$(memory)" 100 '<' "without them $memory_before MB"
    row 'CPU that they take in 10 s, s' '<= 0.02' "$(since "$after" "$before")" 0.02 '<=' 'the clock of /proc counts hundredths'
    stop
}

# put_tasks: an activity, and a machine with one task of it.
put_tasks() {
    op CreateActivity '{"name":"work"}' >/dev/null
    machine_put t "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"$activity\",\"HeartbeatSeconds\":600,\"End\":true}}}"
}

tasks() {
    local before said
    serve tasks --log-level error
    op CreateActivity '{"name":"work"}' >/dev/null
    machine_put map "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemProcessor\":{\"StartAt\":\"T\",\"States\":{\"T\":
        {\"Type\":\"Task\",\"Resource\":\"$activity\",\"HeartbeatSeconds\":600,\"End\":true}}}}}}"
    before=$(cpu)
    jq -cn --arg arn "$arn:stateMachine:map" --argjson count "$TASKS" '{stateMachineArn: $arn, input: ([range($count)] | tostring)}' >"$folder/start"
    op StartExecution "@$folder/start" >/dev/null
    said=$(load work "$at" "$activity" "$TASKS" 1000)
    row "$TASKS activity tasks by 1,000 workers, CPU s of the service" '< 20' "$(since "$(cpu)" "$before")" 20 '<' "$said; memory $(memory) MB"
    stop
}

dispatch() {
    local before said
    serve dispatch --log-level error
    put_tasks
    before=$(cpu)
    said=$(load work "$at" "$activity" "$DISPATCHED" 1000 "$arn:stateMachine:t" 500)
    row 'start due to task at its worker, 500 a second, p99 ms' '< 50' "$(p99 "$said")" 50 '<' "$said; CPU of the service $(since "$(cpu)" "$before") s"
    stop
}

recovery() {
    local began listening ended
    serve recovery --log-level error
    put_tasks
    load starts "$at" "$arn:stateMachine:t" "$OPEN" 50 >/dev/null
    { kill -9 "$server" && wait "$server" || true; } 2>/dev/null
    began=$EPOCHREALTIME
    serve recovery --log-level error
    expect splitreel_executions_open "$OPEN"
    listening=$EPOCHREALTIME
    load work "$at" "$activity" "$OPEN" 100 >/dev/null
    ended=$EPOCHREALTIME
    expect splitreel_executions_open 0
    row "$OPEN open executions after kill -9, seconds until all of them are served" '< 2' "$(since "$listening" "$began")" 2 '<' \
        "all of them moved on and ended after $(since "$ended" "$began") s"
    stop
}

echo '| what | goal | measured | | details |'
echo '|---|---|---|---|---|'
for what in "$@"; do
    "$what"
done
