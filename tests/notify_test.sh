#!/bin/bash
# Who is told how a job ended: a receiver that says no, then is away, hears of it after a restart of the
# service, as the same event, signed; of a job that was stopped. And the whole way, from the Jobs API.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh
# shellcheck source=tests/receiver.sh
. tests/receiver.sh

needs notify curl jq openssl perl
here=$PWD
worker=
trap 'for pid in $server $worker $receiver; do kill -KILL "$pid" 2>/dev/null; done; rm -rf -- "$work"' EXIT
arns=arn:aws:states:us-east-1:123456789012
trace=4bf92f3577b34da6a3ce929d0e0e4736
export HOOK_SECRET=not-a-real-secret

# serve [OPTION...]: the service and its worker; $url is its address.
serve()
{
    start "$@" || return
    tied "$SPLITREEL" worker --server "$url" --unsigned --slots 1 --activities all --allow 127.0.0.1 2>>worker.log &
    worker=$!
}

leave()
{
    kill -TERM "$worker" "$server"
    wait "$worker" && wait "$server" || complain 'they end badly'
    server= worker=
}

state() { "$SPLITREEL" sm describe --server "$url" --no-sign-request "$(jq -r .executionArn begun)" | jq -r .status; }
has_failed() { [ "$(state)" = FAILED ]; }

# begin: what follows when a job was stopped.
begin()
{
    mkdir ws
    sed "s|\${Activities}|$arns:activity:|g" "$here/pipeline/workflows/transcode.asl.json" >flow.json
    jq -n --arg url "http://127.0.0.1:$heard_at/hook?secret=query" '{version: 1, input: "/there/is/none.mp4", output: "x.mp4",
        notifications: [{url: $url, events: ["CANCELLED"], secret_env: "HOOK_SECRET"}, {url: $url, events: ["SUCCEEDED"]}]}' >ws/manifest.json
    "$SPLITREEL" sm create --server "$url" --no-sign-request --name transcode flow.json >/dev/null &&
        "$SPLITREEL" sm start --server "$url" --no-sign-request --name stopped --input "$(jq -cn --arg ws "$PWD/ws" --arg trace "$trace" \
            '{job: {id: "j-1", workspace: $ws, correlation: "order-7", traceparent: ("00-" + $trace + "-00f067aa0ba902b7-01")},
                failure: {Error: "Splitreel.Cancelled", Cause: "by request"}}')" "$arns:stateMachine:transcode" >begun
}

told_later()
{
    receive 503 && serve && begin && await has_failed && await test -s hook.1 || return
    hush
    [ ! -e hook.2 ] || complain 'it was told twice' || return
    await grep -q 'not told how the job ended' worker.log && leave && serve || return
    receive 204 "$heard_at" && await test -s hook.2 || return
    leave || return
    hush
    [ ! -e hook.3 ] || complain 'it was told too often' || return
    signed hook.1 && signed hook.2 || return
    [ -n "$(header hook.1 webhook-id)" ] && [ "$(header hook.1 webhook-id)" = "$(header hook.2 webhook-id)" ] ||
        complain 'it is another event' || return
    [ "$(body hook.1)" = "$(body hook.2)" ] || complain 'it tells another story' || return
    [ "$(header hook.1 webhook-timestamp)" -lt "$(header hook.2 webhook-timestamp)" ] || complain 'its time is not the try'\''s' || return
    [ "$(header hook.2 traceparent)" = "00-$trace-00f067aa0ba902b7-01" ] && [ "$(header hook.2 X-Correlation-Id)" = order-7 ] ||
        { cat hook.2; complain 'nothing ties it to the job'; return 1; }
    body hook.2 | jq -e '.type == "job.cancelled" and .data.job == "j-1" and .data.correlation == "order-7" and
        .data.error == {code: "CANCELLED", message: "by request"}' >/dev/null || { body hook.2; complain 'what it tells'; return 1; }
    # Each line about the job says whose it is; none has a secret.
    jq -es --arg trace "$trace" 'map(select(.job == "j-1")) | length > 3 and all(.correlation == "order-7" and .trace_id == $trace)' worker.log \
        >/dev/null || { cat worker.log; complain 'a line without its job'; return 1; }
    ! grep -e "$HOOK_SECRET" -e 'secret=query' worker.log log.txt || complain 'a secret in the log'
}

job_is() { [ "$(curl -sS "$url/v1/jobs/$1" | jq -r .state)" = "$2" ]; }

from_the_api()
{
    rm -rf state && receive 204 || return
    jq -n --arg host "http://127.0.0.1:$heard_at" '{jobs: {allow: [$host]}}' >config.json && chmod 600 config.json &&
        serve --config config.json --root "$PWD" --root "$FIXTURES" || return
    jq -n --arg input "$FIXTURES/closed-gop.mp4" --arg output "$PWD/told.mp4" --arg url "http://127.0.0.1:$heard_at/api" '{version: 1,
        input: $input, output: $output, priority: 80, correlation: "of-the-manifest", metadata: {asset: "42"},
        segments: {target: "5s"}, renditions: [{id: "v", codec: "h264", preset: "ultrafast"}],
        notifications: [{url: $url, secret_env: "HOOK_SECRET"}, {url: $url, events: ["FAILED"]}]}' >job.json
    local id
    id=$(curl -sS -H 'Content-Type: application/json' -H 'X-Correlation-Id: order-9' -H "traceparent: 00-$trace-00f067aa0ba902b7-00" \
        --data-binary @job.json "$url/v1/jobs" | jq -r .id)
    await test -s api.1 && await job_is "$id" SUCCEEDED && leave || return
    hush
    signed api.1 && [ ! -e api.2 ] || complain 'it was told too often' || return
    [ "$(header api.1 traceparent)" = "00-$trace-00f067aa0ba902b7-00" ] || { cat api.1; complain 'its trace is lost'; return 1; }
    body api.1 | jq -e --arg id "$id" --arg report "$PWD/told.report.json" '.type == "job.succeeded" and .data.job == $id and
        .data.correlation == "order-9" and .data.metadata == {asset: "42"} and .data.verdict == "PASS" and .data.report == $report' >/dev/null ||
        { body api.1; complain 'what it tells'; return 1; }
    [ "$(jq -r .correlation told.report.json)" = order-9 ] || complain 'the report does not know it' || return
    jq -es --arg id "$id" 'map(select(.job == $id)) | length > 10 and all(.correlation == "order-9")' worker.log log.txt >/dev/null ||
        { cat worker.log log.txt; complain 'a line without its correlation'; }
}

try 'a receiver that was away hears of it after a restart, as the same event' told_later
try 'a job of the API, from its headers to its webhook' from_the_api
finish
