#!/bin/bash
# The clients of the Jobs API against a real serve: submit, status, watch, logs, cancel, retry; their
# exit statuses, keys, a server that goes and comes back, streams and logs over HTTP.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh

needs job_verbs curl jq
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE SPLITREEL_TOKEN
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=$work/none AWS_SHARED_CREDENTIALS_FILE=$work/none

film=$FIXTURES/closed-gop.mp4
how=(-preset ultrafast --segment 1s --segment-mode grid)
begin()
{
    start --root "$PWD" --root "$FIXTURES" "$@" && export SPLITREEL_SERVER=$url
}

# ends_with_its_reader COMMAND...: without a word, by SIGPIPE, when nobody reads what it prints.
ends_with_its_reader()
{
    local got
    exec 4> >(:)
    wait $!
    "$@" >&4 2>err.txt
    got=$?
    exec 4>&-
    [ $got = 141 ] && [ ! -s err.txt ] || { cat err.txt; complain "exit status $got, want 141 and no word: $*"; }
}

submits_as_run_does()
{
    begin --workers 1 || return
    status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" --wait --json --correlation c-7 || return
    jq -e '.state == "SUCCEEDED" and .correlation == "c-7" and (.idempotency_key | length) == 26' out.txt >/dev/null ||
        { cat out.txt; complain 'the document is wrong'; } || return
    says 'SUCCEEDED 100%' && "$SPLITREEL" run "$film" -o b.mp4 "${how[@]}" "${fast[@]}" 2>/dev/null && same a.mp4 b.mp4 || return
    local id
    id=$(jq -r .id out.txt)
    status 0 "$SPLITREEL" status && says "$id " out.txt && says SUCCEEDED out.txt || return
    status 0 "$SPLITREEL" status "$id" && says 'correlation c-7' out.txt && says "$PWD/a.mp4" out.txt || return
    status 0 "$SPLITREEL" status --correlation c-8 && [ ! -s out.txt ] || complain 'a job of another id' || return
    status 0 "$SPLITREEL" watch "$id" && says 'SUCCEEDED 100%' out.txt || return
    status 0 "$SPLITREEL" logs "$id" && says 'ActivitySucceeded  probe on ' out.txt || return
    ends_with_its_reader "$SPLITREEL" logs "$id" && ends_with_its_reader "$SPLITREEL" status || return
    status 0 "$SPLITREEL" logs "$id" --json || return
    jq -es '.[0].event == "ExecutionStarted" and .[-1].event == "ExecutionSucceeded" and
        ([.[] | select(.event == "ActivitySucceeded") | .segment | numbers] | unique | length) > 2 and
        (map(.time) | . == sort) and all(.[] | select(.event == "ActivityStarted"); .worker | length > 0)' out.txt >/dev/null ||
        { cat out.txt; complain 'the log is wrong'; } || return
    curl -sSf "$url/v1/jobs/$id/log?limit=3" >page.json && [ "$(jq '.lines | length' page.json)" = 3 ] &&
        curl -sSf "$url/v1/jobs/$id/log?page=$(jq -r .next_page page.json)" | jq -c .lines[] >rest.txt &&
        jq -c .lines[] page.json | cat - rest.txt | cmp - out.txt || complain 'pages do not make the log' || return
    stop
}

ends_as_the_job_does()
{
    begin --workers 1 || return
    status 3 "$SPLITREEL" submit "$FIXTURES/text.mp4" -o bad.mp4 "${how[@]}" --wait && says Splitreel.BadInput || return
    local id
    id=$(cat out.txt)
    status 3 "$SPLITREEL" watch "$id" --progress plain && says Splitreel.BadInput out.txt || return
    : >there.mp4
    status 2 "$SPLITREEL" submit "$film" -o there.mp4 "${how[@]}" --wait && says Splitreel.OutputExists || return
    status 0 "$SPLITREEL" submit "$film" -o there.mp4 "${how[@]}" --wait -y || return
    jq -cn --arg good "$film" --arg bad "$FIXTURES/text.mp4" --arg o "$PWD" '($good, $bad) | {version: 1, input: .,
        output: "\($o)/\(. == $good).mp4", renditions: [{id: "v", codec: "h264", preset: "ultrafast"}]}' >lines.jsonl
    status 6 "$SPLITREEL" submit lines.jsonl --wait --json --progress none || return
    [ "$(jq -r .state out.txt | tr '\n' ' ')" = 'SUCCEEDED FAILED ' ] || { cat out.txt; complain 'want one of each'; } || return
    jq -s '{jobs: .}' lines.jsonl >many.json
    status 0 "$SPLITREEL" submit - <many.json && [ "$(wc -l <out.txt)" = 2 ] || complain 'want two ids' || return
    stop
}

refuses()
{
    begin || return
    status 3 "$SPLITREEL" status 01M8316YP844HWB8XA7K0BEKVD && says 'HTTP 404' || return
    status 3 "$SPLITREEL" logs 01M8316YP844HWB8XA7K0BEKVD && status 3 "$SPLITREEL" watch 01M8316YP844HWB8XA7K0BEKVD &&
        status 3 "$SPLITREEL" cancel ../../healthz || return
    status 4 "$SPLITREEL" submit /etc/passwd -o x.mp4 -crf 20 && says 'not below a folder' || return
    echo '{"version": 1, "input": "/x", "output": "/y", "colour": 1}' >bad.json
    status 2 "$SPLITREEL" submit bad.json && says colour || return
    printf '{"version": 1\n' >bad.json
    status 2 "$SPLITREEL" submit bad.json && says 'bad.json as a manifest: line 2' || return
    printf '{"version": 1}\n{"version": \n' >bad.json
    status 2 "$SPLITREEL" submit bad.json && says 'bad.json as a manifest: line 2' || return
    printf '{"jobs": [{}, 7]}' >bad.json
    status 2 "$SPLITREEL" submit bad.json && says '$.jobs[1]' || return
    status 3 "$SPLITREEL" submit absent.json && status 2 "$SPLITREEL" submit && status 2 "$SPLITREEL" submit a -o b --keep || return
    status 2 "$SPLITREEL" submit a -o - && status 2 "$SPLITREEL" submit a -o b -crf 99 && says '-crf: want' || return
    status 2 "$SPLITREEL" status --state DONE && says 'QUEUED' && status 2 "$SPLITREEL" logs && status 2 "$SPLITREEL" watch a b || return
    status 2 "$SPLITREEL" status --server nonsense && status 2 "$SPLITREEL" status --limit 0 || return
    stop || return
    status 4 "$SPLITREEL" status && says "Couldn't connect"
}

# The same key is the same job, whatever else is said anew.
is_one_job_by_its_key()
{
    begin || return
    status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" --key 'film 1' && mv out.txt one.txt &&
        status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" --key 'film 1' && same one.txt out.txt || return
    status 1 "$SPLITREEL" submit "$film" -o b.mp4 "${how[@]}" --key 'film 1' && says 'HTTP 409' || return
    status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" && status 0 "$SPLITREEL" status --json &&
        [ "$(wc -l <out.txt)" = 2 ] || { cat out.txt; complain 'want two jobs'; } || return
    stop
}

is_cancelled_and_tried_again()
{
    begin && status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" --priority 90 || return
    local id worker
    id=$(cat out.txt)
    status 1 "$SPLITREEL" retry "$id" && says 'HTTP 409' || return
    status 0 "$SPLITREEL" cancel "$id" && status 0 "$SPLITREEL" cancel "$id" --json &&
        jq -e '.priority == 90' out.txt >/dev/null || complain 'no document' || return
    tied "$SPLITREEL" worker --server "$url" --unsigned --slots 1 --activities all 2>worker.txt &
    worker=$!
    status 1 "$SPLITREEL" watch "$id" && says CANCELLED out.txt && is_absent a.mp4 || return
    status 0 "$SPLITREEL" retry "$id" && status 0 "$SPLITREEL" watch "$id" && says 'attempt 2' out.txt && is_there a.mp4 || return
    status 1 "$SPLITREEL" cancel "$id" && status 0 "$SPLITREEL" logs "$id" && says 'Z 1 ExecutionAborted' out.txt &&
        says 'Z 2 ExecutionSucceeded' out.txt || return
    kill "$worker" && wait "$worker"
    stop
}

shows_a_key()
{
    printf '{"api_keys": [{"name": "me", "token": "a-token-of-more-than-16"}],
        "keys": [{"access_key": "%s", "secret": "%s"}]}' "$key" "$secret" >config.json
    chmod 600 config.json
    begin --config config.json || return
    status 4 "$SPLITREEL" status && status 4 "$SPLITREEL" status --unsigned && says 'HTTP 401' || return
    SPLITREEL_TOKEN=a-token-of-more-than-16 status 0 "$SPLITREEL" status || return
    SPLITREEL_TOKEN=another-token-of-20.. status 4 "$SPLITREEL" status && says 'HTTP 401' || return
    echo a-token-of-more-than-16 >token.txt
    status 0 "$SPLITREEL" status --token-file token.txt && status 3 "$SPLITREEL" status --token-file absent.txt || return
    export AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret
    status 0 "$SPLITREEL" status --state QUEUED && status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" || return
    AWS_SECRET_ACCESS_KEY=wrong-secret-of-24-lette status 4 "$SPLITREEL" status || return
    ! grep -q 'token-of\|secret-of' log.txt state/audit.log || complain 'a secret is in a log' || return
    stop
}

# What waits for a job outlives the server.
watches_over_a_restart()
{
    begin && status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" || return
    local id watcher
    id=$(cat out.txt)
    mkfifo seen.fifo
    "$SPLITREEL" watch "$id" --json >seen.fifo 2>watch.err &
    watcher=$!
    exec 7<seen.fifo
    read -r -t 60 line <&7 && [ "$(jq -r .id <<<"$line")" = "$id" ] || complain 'it shows nothing' || return
    stop || complain 'it does not stop with a stream open' || return
    begin --workers 1 --listen "${url#http://}" || return
    cat <&7 >seen.txt
    wait "$watcher" || { cat watch.err seen.txt; complain 'the watcher fails'; } || return
    [ "$(tail -n 1 seen.txt | jq -r .state)" = SUCCEEDED ] && stop
}

interrupted_it_goes_on()
{
    begin && status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" || return
    local id got
    id=$(cat out.txt)
    mkfifo seen.fifo
    (trap - INT; exec "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" --wait --progress json >seen.fifo 2>wait.err) &
    exec 7<seen.fifo
    read -r -t 60 id <&7 && read -r -t 60 line <&7 || complain 'it shows nothing' || return
    kill -TERM $!
    wait $!
    got=$?
    [ "$got" = 143 ] && says "watch $id" wait.err || complain "exit status $got" || return
    status 0 "$SPLITREEL" status "$id" --json && [ "$(jq -r .state out.txt)" != CANCELLED ] && stop
}

streams()
{
    begin && status 0 "$SPLITREEL" submit "$film" -o a.mp4 "${how[@]}" || return
    local id reader
    id=$(cat out.txt)
    curl -sSfN -D head.txt --max-time 90 "$url/v1/jobs/$id/events" >events.txt 2>curl.txt &
    reader=$!
    "$SPLITREEL" cancel "$id" >/dev/null || return
    tied "$SPLITREEL" worker --server "$url" --unsigned --slots 1 --activities all 2>worker.txt &
    wait "$reader" || { cat curl.txt; complain 'the stream is cut'; } || return
    kill $! && wait $!
    grep -qi '^content-type: text/event-stream' head.txt && tail -n 3 events.txt | grep -qx 'event: end' &&
        [ "$(sed -n 's/^data: //p' events.txt | jq -r 'select(.state) | .state' | tail -n 1)" = CANCELLED ] ||
        { cat events.txt; complain 'the events are wrong'; } || return
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/v1/jobs/01M8316YP844HWB8XA7K0BEKVD/events")" = 404 ] &&
        [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/v1/jobs/$id/log?limit=no")" = 400 ] &&
        curl -sSf "$url/v1/openapi.json" | jq -e '.paths["/v1/jobs/{id}/events"].get.operationId == "FollowJob"' >/dev/null ||
        complain 'log or openapi.json' || return
    stop && jq -es 'map(select(.operation == "FollowJob") | .status) == [200, 404]' state/audit.log >/dev/null ||
        { tail -n 5 state/audit.log; complain 'the audit log is wrong'; }
}

scenario 'job_verbs: submit does as run does; status, watch and logs tell' submits_as_run_does
scenario 'job_verbs: exit statuses are the jobs own, 6 of several' ends_as_the_job_does
scenario 'job_verbs: wrong words, jobs and servers are refused' refuses
scenario 'job_verbs: one key is one job' is_one_job_by_its_key
scenario 'job_verbs: cancel, retry, and the log of both attempts' is_cancelled_and_tried_again
scenario 'job_verbs: tokens and signatures' shows_a_key
scenario 'job_verbs: a watcher outlives the server' watches_over_a_restart
scenario 'job_verbs: interrupted, the job goes on' interrupted_it_goes_on
scenario 'job_verbs: events over HTTP' streams
finish
