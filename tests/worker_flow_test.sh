#!/bin/bash
# splitreel worker, as processes: a job's activities done by a local worker of `serve`, by two workers
# elsewhere, by workers that are killed and stopped; always the bytes of `run`.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh

needs worker curl jq
here=$PWD
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf -- "$work"' EXIT

leave()
{
    stop || complain 'the server ends badly'
    server=
}

# job NAME INPUT [MODE]: its workspace with a manifest.
job()
{
    mkdir -p "$1.ws"
    jq -n --arg input "$2" --arg output "$PWD/$1.mp4" --arg mode "${3:-off}" '{version: 1, input: $input, output: $output,
        segments: {mode: $mode, target: "1s"},
        renditions: [{id: "v", codec: "h264", preset: "ultrafast"}, {id: "a", codec: "aac"}]}' >"$1.ws/manifest.json"
}

# begin NAME [MACHINE]: starts the flow for it.
begin()
{
    "$SPLITREEL" sm start --server "$url" --no-sign-request --name "$1" --input "$(jq -cn --arg id "$1" --arg ws "$PWD/$1.ws" \
        '{job: {id: $id, workspace: $ws, correlation: ("c-" + $id)}, segment: 0, audio: 0, output: 0}')" "$arns:stateMachine:${2:-one}" \
        >"$1.begun" 2>>sm.log || { cat sm.log; complain 'it does not start'; }
}

# ends NAME STATUS: waits; its description is in NAME.end.
ends()
{
    local arn
    arn=$(jq -r .executionArn "$1.begun")
    for _ in $(seq 2400); do
        "$SPLITREEL" sm describe --server "$url" --no-sign-request "$arn" >"$1.end" 2>>sm.log || { tail -n 3 sm.log; return 1; }
        [ "$(jq -r .status "$1.end")" = RUNNING ] || break
        sleep 0.05
    done
    [ "$(jq -r .status "$1.end")" = "$2" ] || { jq . "$1.end"; tail -n 5 ./*.log log.txt; complain "want $2"; }
}

# create NAME: a state machine, from standard input.
create()
{
    cat >"$1.asl.json"
    "$SPLITREEL" sm create --server "$url" --no-sign-request --name "$1" "$1.asl.json" >/dev/null 2>sm.log ||
        { cat sm.log; complain 'it cannot be created'; }
}

# The same flow with a task for each segment, and with retries.
many()
{
    jq --arg arns "$arns" '.States.Encode.Branches[0] = {StartAt: "Which segments", States: {
        "Which segments": {Type: "Pass", Parameters: {"job.$": "$.job",
            "list.$": "States.ArrayRange(0, States.MathAdd($.plan.segments.count, -1), 1)"}, Next: "Segments"},
        Segments: {Type: "Map", ItemsPath: "$.list", End: true,
            ItemSelector: {"job.$": "$.job", "segment.$": "$$.Map.Item.Value"},
            ItemProcessor: {StartAt: "Segment", States: {Segment: {Type: "Task", End: true,
                Resource: ($arns + ":activity:splitreel-segment"), TimeoutSeconds: 600, HeartbeatSeconds: 60}}}}}}
        | walk(if type == "object" and .Type == "Task" then .Retry = [{ErrorEquals: ["Splitreel.WorkerDied"],
            IntervalSeconds: 1, MaxAttempts: 20, BackoffRate: 1}] else . end)' "$here/tests/one-segment.asl.json"
}

# elsewhere NAME [OPTION...]: another worker; its number is in $NAME.
elsewhere()
{
    local name=$1
    shift
    tied "$SPLITREEL" worker --server "$url" --unsigned --slots 1 --json "$@" >"$name.events" 2>>"$name.log" &
    printf -v "$name" %s $!
}

# retire NAME: ends it in order.
retire()
{
    kill -TERM "${!1}"
    wait "${!1}" || { tail -n 3 "$1.log"; complain "worker $1 ends badly"; }
}

# reference NAME: what run makes of its manifest.
reference()
{
    jq --arg output "$1.run.mp4" '.output = $output' "$1.ws/manifest.json" >"$1.run.json"
    "$SPLITREEL" run --manifest "$1.run.json" --progress none
}

# settled FILE WORDS: waits until a log has the words.
settled()
{
    for _ in $(seq 1200); do
        ! grep -qF -- "$2" "$1" || return 0
        sleep 0.05
    done
    tail -n 5 "$1"
    complain "$1 never says: $2"
}

local_worker()
{
    start --workers 1 && create one <"$here/tests/one-segment.asl.json" && job one "$FIXTURES/closed-gop.mp4" &&
        begin one && ends one SUCCEEDED || return
    # A job that cannot succeed fails alone, and says why.
    job bad "$FIXTURES/text.mp4" && begin bad && ends bad FAILED || return
    [ "$(jq -r .error bad.end)" = Splitreel.BadInput ] || complain "its error is $(jq -r .error bad.end)" || return
    is_absent bad.mp4 || return
    local pid=$server
    leave || return
    ! pgrep -f -- "--parent $pid" >/dev/null || complain 'a worker stays' || return
    reference one && same one.run.mp4 one.mp4 || return
    # One search tells its story, over processes.
    jq -es 'any(.message == "a task ends" and .job == "one" and .correlation == "c-one" and .activity == "segment")' log.txt \
        >/dev/null || complain 'no line of the segment'
}

# One that died is started again; when the server is killed its worker does not stay.
local_worker_again()
{
    start --workers 1 && settled log.txt 'a worker begins' || return
    local first second
    first=$(pgrep -f -- "--parent $server")
    kill -KILL "$first"
    for _ in $(seq 1200); do
        second=$(pgrep -f -- "--parent $server")
        [ -z "$second" ] || [ "$second" = "$first" ] || break
        sleep 0.05
    done
    [ -n "$second" ] && [ "$second" != "$first" ] || complain 'it is not started again' || return
    kill -KILL "$server"
    wait "$server"
    server=
    for _ in $(seq 1200); do
        kill -0 "$second" 2>/dev/null || return 0
        sleep 0.05
    done
    complain 'the worker outlives the server'
}

# Two workers; one is told to stop amid its work and hands it back, children are killed.
elsewhere_and_killed()
{
    start && create many < <(many) && job many "$FIXTURES/closed-gop.mp4" grid && elsewhere left --grace 0 &&
        elsewhere right && settled left.log 'a worker begins' && begin many many && settled left.events '"segment"' || return
    retire left || return
    for _ in 1 2 3; do
        local child
        child=$(pgrep -P "$right" | head -n 1)
        [ -z "$child" ] || kill -KILL "$child" 2>/dev/null
        settled right.events '"segment"'
    done
    ends many SUCCEEDED && retire right || return
    leave && reference many && same many.run.mp4 many.mp4 || return
    jq -es 'map(select(.event == "ended" and .activity == "segment" and .status == "succeeded")) | length > 3' right.events >/dev/null ||
        complain 'few segments were made here'
}

# flow NAME: a job through the flow itself, whose map reads and writes in the workspace.
flow()
{
    create "$1" < <(sed "s|\${Activities}|$arns:activity:|" "$here/pipeline/workflows/transcode.asl.json") &&
        job "$1" "$FIXTURES/closed-gop.mp4" grid && begin "$1" "$1"
}
whole_flow()
{
    jq -n --arg place "$PWD/flow.ws" '{map_places: [$place]}' >places.json
    start --workers 1 --config places.json && flow flow && ends flow SUCCEEDED || return
    flow denied && ends denied FAILED || return
    [ "$(jq -r .error denied.end)" = States.ItemReaderFailed ] && jq -r .cause denied.end | grep -q 'AccessDenied' ||
        { jq . denied.end; complain 'its error is another one'; return 1; }
    leave && reference flow && same flow.run.mp4 flow.mp4 || return
    [ "$(jq '[.[].segment] | length' flow.ws/results/*/SUCCEEDED_0.json)" -gt 1 ] || complain 'there are no results'
}

arns=arn:aws:states:us-east-1:123456789012
try 'a local worker of serve does a job' local_worker
try 'a local worker that dies is started again' local_worker_again
try 'workers elsewhere, one stopped, children killed' elsewhere_and_killed
try 'the flow itself, its list in the workspace' whole_flow
finish
