#!/bin/bash
# What /metrics of the service and of a worker say while a job goes from its manifest to its output.
. tests/lib.sh
. tests/serve.sh
needs metrics curl jq
workers=()

number() { curl -sSf --max-time 20 "$1" | awk -v name="$2" '$1 == name { print $2 }'; }
# until_is URL NAME PATTERN: the number, within a minute.
until_is()
{
    local end=$((SECONDS + 60)) value
    while [ $SECONDS -lt $end ]; do
        value=$(number "$1" "$2")
        [[ $value =~ ^($3)$ ]] && return
        read -rt 0.1 <> <(:) || :
    done
    curl -sS "$1" | grep -v '^#'
    complain "$2 is '$value', want $3"
}
# worker NAME OPTION...: another one, in the background.
worker()
{
    local name=$1
    shift
    tied "$SPLITREEL" worker --server "$url" --unsigned --slots 2 "$@" >"$name.out" 2>"$name.log" &
    workers+=($!)
}

a_job()
{
    local all
    trap 'kill -9 $server "${workers[@]}" 2>/dev/null' EXIT
    start --root "$PWD" --root "$FIXTURES" || return
    all=$url/metrics
    [ "$(number "$all" 'splitreel_jobs{state="RUNNING"}')" = 0 ] && [ "$(number "$all" splitreel_workers)" = 0 ] ||
        complain 'not nothing at the beginning' || return
    jq -n --arg in "$FIXTURES/closed-gop.mp4" --arg out "$PWD/a.mp4" '{version: 1, input: $in, output: $out,
        segments: {mode: "grid", target: "1s"}, renditions: [{id: "v", codec: "h264", preset: "ultrafast"}]}' >job.json
    curl -sSf -H 'Content-Type: application/json' --data-binary @job.json "$url/v1/jobs" >job.txt || return
    # One that only plans: the segments wait.
    worker planner --activities probe,plan
    until_is "$all" 'splitreel_segments{state="WAITING"}' '[1-9][0-9]*' && until_is "$all" splitreel_workers 1 &&
        until_is "$all" 'splitreel_jobs{state="RUNNING"}' 1 && until_is "$all" splitreel_slots 0 || return
    worker doer --activities all --metrics 127.0.0.1:0
    until_is "$all" 'splitreel_jobs{state="SUCCEEDED"}' 1 && until_is "$all" splitreel_workers 2 && until_is "$all" splitreel_slots 2 &&
        [ "$(number "$all" 'splitreel_segments{state="WAITING"}')" = 0 ] || complain 'segments are left' || return
    local own
    own=$(jq -r 'select(.message == "a worker begins") | .metrics' doer.log)
    [[ $own == http://127.0.0.1:*/metrics ]] || { cat doer.log; complain 'it does not say where'; } || return
    until_is "$own" 'splitreel_worker_tasks_total{activity="publish",status="succeeded"}' 1 &&
        until_is "$own" 'splitreel_worker_tasks_running{activity="publish"}' 0 &&
        until_is "$own" splitreel_worker_slots 2 || return
    [ -n "$(number "$own" splitreel_store_requests_total)" ] && [ -n "$(number "$all" splitreel_store_requests_total)" ] ||
        complain 'nothing about stores' || return
    kill "${workers[@]}" && wait "${workers[@]}" && workers=() && stop
}
refused()
{
    start && status 4 "$SPLITREEL" worker --server "$url" --unsigned --metrics 0.0.0.0:0 && says '--metrics 0.0.0.0:0' &&
        status 2 "$SPLITREEL" worker --server "$url" --unsigned --metrics nowhere && stop
}

scenario 'metrics: jobs, segments, workers, stores while a job is done' a_job
scenario 'metrics: a worker answers nobody elsewhere without a token' refused
finish
