#!/bin/bash
# The worker, unchanged, against another implementation of the Step Functions API (npm
# stepfunctions-local: activities, tokens and heartbeats, polls that are answered at once, no Map): a job of one segment.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

needs worker_other_server curl jq node
here=$PWD
tests/servers/stepfunctions-local.sh install >/dev/null 2>"$work/install.log" ||
    { echo 'skip worker_other_server stepfunctions-local is not there, and npm does not get it'; exit 0; }
tests/servers/stepfunctions-local.sh start "$work/server"
case $? in
0) ;;
77) echo 'skip worker_other_server stepfunctions-local is not installed'; exit 0 ;;
*) echo 'not ok stepfunctions-local starts'; exit 1 ;;
esac
trap '"$here/tests/servers/stepfunctions-local.sh" stop "$work/server"; rm -rf -- "$work"' EXIT
url=http://127.0.0.1:$(cat "$work/server/port")

call() { "$SPLITREEL" sm "$@" --server "$url" --no-sign-request; }

job_of_one_segment()
{
    mkdir ws
    jq -n --arg input "$FIXTURES/closed-gop.mp4" --arg output "$PWD/one.mp4" '{version: 1, input: $input, output: $output,
        segments: {mode: "off"}, renditions: [{id: "v", codec: "h264", preset: "ultrafast"}, {id: "a", codec: "aac"}]}' >ws/manifest.json
    tied "$SPLITREEL" worker --server "$url" --unsigned --slots 2 --grace 0 --json >events.txt 2>worker.log &
    local worker=$! arn
    # It makes its activities; the state machine names them.
    for _ in $(seq 1200); do
        ! grep -qF 'a worker begins' worker.log || break
        sleep 0.05
    done
    sed 's/us-east-1:123456789012/local:0123456789/' "$here/tests/one-segment.asl.json" >one.asl.json
    call create --name one one.asl.json >machine.txt 2>err.txt && call start --name run --input "$(jq -cn --arg ws "$PWD/ws" \
        '{job: {id: "one", workspace: $ws}, segment: 0, audio: 0, output: 0}')" "$(jq -r .stateMachineArn machine.txt)" >begun.txt 2>err.txt ||
        { cat err.txt; kill -TERM "$worker"; return 1; }
    arn=$(jq -r .executionArn begun.txt)
    for _ in $(seq 1200); do
        call describe "$arn" >end.txt 2>err.txt || { cat err.txt; break; }
        [ "$(jq -r .status end.txt)" = RUNNING ] || break
        sleep 0.1
    done
    kill -TERM "$worker"
    wait "$worker" || complain 'the worker ends badly' || return
    [ "$(jq -r .status end.txt)" = SUCCEEDED ] || { jq . end.txt; tail -n 5 worker.log; complain 'it did not succeed'; } || return
    [ "$(jq -s 'map(select(.status == "succeeded")) | length' events.txt)" -eq 7 ] || { cat events.txt; complain 'not seven tasks'; } || return
    jq --arg output "$PWD/run.mp4" '.output = $output' ws/manifest.json >run.json
    "$SPLITREEL" run --manifest run.json --progress none && same run.mp4 one.mp4
}

try 'a job of one segment on another server' job_of_one_segment
finish
