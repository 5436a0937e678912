#!/bin/bash
# The Jobs API of splitreel serve, as processes: a job from its manifest to its output, many at once,
# cancel and retry, refusals; and serve killed again and again: each accepted job ends exactly once.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh

needs jobs curl jq

# manifest NAME [INPUT] [JQ]: NAME.json, which makes NAME.mp4; JQ changes it.
manifest()
{
    jq -n --arg input "${2:-$FIXTURES/one-frame.mp4}" --arg output "$PWD/$1.mp4" '{version: 1, input: $input, output: $output,
        segments: {mode: "grid", target: "1s"}, renditions: [{id: "v", codec: "h264", preset: "ultrafast"},
        {id: "a", codec: "aac"}]}' | jq "${3:-.}" >"$1.json"
}

# api STATUS METHOD PATH [CURL-OPTION...]: the answer is in answer.json, its head in head.txt.
api()
{
    local want=$1 method=$2 path=$3 got
    shift 3
    got=$(curl -sS --max-time 90 -D head.txt -o answer.json -w '%{http_code}' -X "$method" "$@" "$url/v1$path")
    [ "$got" = "$want" ] || { cat answer.json; complain "$method $path: $got, want $want"; }
}

# submit NAME [STATUS] [CURL-OPTION...]: its id is in NAME.id.
submit()
{
    local name=$1 want=${2:-201}
    [ $# -lt 2 ] && shift || shift 2
    api "$want" POST /jobs -H 'Content-Type: application/json' --data-binary "@$name.json" "$@" &&
        jq -r .id answer.json >"$name.id"
}

# ends NAME STATE: waits for it; the document is in NAME.end.
ends()
{
    local state
    for _ in $(seq 2400); do
        api 200 GET "/jobs/$(cat "$1.id")" || return
        state=$(jq -r .state answer.json)
        case $state in SUCCEEDED | FAILED | CANCELLED) break ;; esac
        sleep 0.05
    done
    mv answer.json "$1.end"
    [ "$state" = "$2" ] || { jq -c 'del(.segments)' "$1.end"; tail -n 5 log.txt; complain "it is $state, want $2"; }
}

# reference NAME: what run makes of its manifest.
reference()
{
    jq --arg output "$1.run.mp4" '.output = $output' "$1.json" >"$1.run.json"
    "$SPLITREEL" run --manifest "$1.run.json" --progress none
}

begin() { start --root "$PWD" --root "$FIXTURES" "$@"; }

one_job()
{
    begin --workers 1 && manifest a "$FIXTURES/closed-gop.mp4" && submit a 201 -H 'X-Correlation-Id: c-1' -H 'Idempotency-Key: k1' || return
    grep -qi "^location: /v1/jobs/$(cat a.id)" head.txt || complain 'no Location' || return
    submit a 200 -H 'Idempotency-Key: k1' && ends a SUCCEEDED || return
    jq -e '.attempt == 1 and .correlation == "c-1" and .progress.percent == 100 and .engine == "quick" and
        (.segments | length) == .progress.segments.count and all(.segments[]; .state == "SUCCEEDED") and
        .idempotency_key == "k1"' a.end >/dev/null || { cat a.end; complain 'the document is wrong'; } || return
    api 200 GET "/jobs/$(cat a.id)/report" && [ "$(jq -r '.verdict + .correlation' answer.json)" = PASSc-1 ] || complain 'no report' || return
    api 200 GET "/jobs/$(cat a.id)/manifest" && jq -S . answer.json | cmp - <(jq -S . a.json) || return
    api 200 GET '/jobs?state=SUCCEEDED&correlation=c-1&limit=5' && [ "$(jq -r '.jobs | length' answer.json)" = 1 ] || return
    stop && reference a && same a.run.mp4 a.mp4 || return
    jq -es 'any(.message == "a task ends" and .correlation == "c-1" and .activity == "publish")' log.txt >/dev/null ||
        complain 'the correlation id is not in the log'
}

# One segment and four slots: a task for each rendition, and the bytes of one task for all of them.
spread_over_slots()
{
    local id
    printf '{"worker": {"slots": 4}}' >config.json
    begin --workers 1 --config config.json && manifest a "$FIXTURES/closed-gop.mp4" '.output = $ENV.PWD + "/a/" | .segments = {mode: "off"} |
        .renditions = [180, 90, 48 | {id: "\(.)p", codec: "h264", preset: "ultrafast", height: ., maxrate: "300k"}] |
        .outputs = [{type: "hls", path: "hls/", use: ["180p", "90p", "48p"]}]' || return
    for _ in $(seq 1200); do
        ! curl -sS "$url/metrics" | grep -q '^splitreel_slots 4$' || break
        sleep 0.05
    done
    curl -sS "$url/metrics" | grep -q '^splitreel_slots 4$' || complain 'the worker does not tell its slots' || return
    submit a && ends a SUCCEEDED || return
    id=$(cat a.id)
    jq -e '.progress == {percent: 100, segments: {count: 1, done: 1, running: 0, failed: 0}} and
        .segments == [{segment: 0, state: "SUCCEEDED"}]' a.end >/dev/null || { cat a.end; complain 'the document is wrong'; } || return
    [ "$(jq -c 'map([.segment, .renditions])' "state/jobs/$id/segments.json")" = '[[0,[0]],[0,[1]],[0,[2]]]' ] ||
        { cat "state/jobs/$id/segments.json"; complain 'the list is wrong'; } || return
    [ "$(jq -c 'select(.message == "a task ends" and .activity == "quick-segment" and .status == "succeeded")' log.txt | wc -l)" = 3 ] ||
        complain 'not three tasks' || return
    jq '.output = "run/"' a.json >run.json
    stop && "$SPLITREEL" run --manifest run.json --workers 1 --progress none && diff -r a/hls run/hls
}

many_jobs()
{
    begin --workers 1 && manifest a && manifest b && manifest c "$FIXTURES/text.mp4" || return
    jq -s '{jobs: .}' a.json b.json >many.json
    api 201 POST /jobs -H 'Content-Type: application/json' --data-binary @many.json || return
    jq -r '.jobs[0].id' answer.json >a.id
    jq -r '.jobs[1].id' answer.json >b.id
    jq -c . c.json >lines.jsonl
    api 201 POST /jobs -H 'Content-Type: application/jsonl' --data-binary @lines.jsonl &&
        jq -r '.jobs[0].id' answer.json >c.id && ends a SUCCEEDED && ends b SUCCEEDED && ends c FAILED || return
    jq -e '.error == "Splitreel.BadInput" and (.cause | contains("text.mp4"))' c.end >/dev/null ||
        { cat c.end; complain 'the cause is wrong'; } || return
    is_there a.mp4 && is_there b.mp4 && is_absent c.mp4 || return
    # What made it fail is gone: the same job again.
    api 202 POST "/jobs/$(cat c.id)/retry" && ends c FAILED && [ "$(jq .attempt c.end)" = 2 ] && stop
}

# Refused, and why; nothing of it is kept.
refusals()
{
    local paths
    begin || return
    manifest a /etc/passwd && submit a 403 && says '"path":"$.input"' answer.json || return
    ln -s /etc link
    manifest a "$PWD/link/hostname" && submit a 403 || return
    manifest a "$PWD/../../etc/hostname" && submit a 403 || return
    manifest a s3://bucket/a.mov && submit a 403 || return
    manifest a "" '.input = "a.mov"' && submit a 400 || return
    manifest a "" '.notifications = [{url: "http://169.254.169.254/"}]' && submit a 403 &&
        says '$.notifications[0].url' answer.json || return
    manifest a "" '.renditions[0].crf = 99' && submit a 400 && says '"path":"$.renditions[0].crf"' answer.json || return
    grep -qi '^content-type: application/problem+json' head.txt || complain 'no problem document' || return
    manifest b
    jq -s '{jobs: .}' b.json a.json >many.json
    api 400 POST /jobs -H 'Content-Type: application/json' --data-binary @many.json &&
        says '"path":"$.jobs[1].renditions[0].crf"' answer.json || return
    api 415 POST /jobs --data-binary @b.json && api 404 GET /jobs/nothing && api 404 GET /jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV &&
        api 405 POST /jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV -d '' && api 400 GET '/jobs?state=NEW' &&
        api 403 GET /jobs -H 'Host: elsewhere.example' &&
        api 403 POST /jobs -H 'Origin: http://elsewhere.example' -H 'Content-Type: application/json' --data-binary @b.json || return
    api 200 GET /jobs && [ "$(jq '.jobs | length' answer.json)" = 0 ] || complain 'something was kept' || return
    stop
}

keys()
{
    printf '{"api_keys": [{"name": "ci", "token": "a-token-of-some-letters"}]}' >config.json
    chmod 600 config.json
    begin --config config.json && api 401 GET /jobs && api 401 GET /jobs -H 'Authorization: Bearer a-token-of-other-letters' &&
        api 200 GET /jobs -H 'Authorization: Bearer a-token-of-some-letters' && stop || return
    jq -es 'any(.operation == "ListJobs" and .who == "ci" and .status == 200) and any(.status == 401)' state/audit.log >/dev/null ||
        complain 'the audit log does not say who' || return
    ! grep -q 'a-token' state/audit.log log.txt || complain 'a token is in a log' || return
    keys_config && begin --config config.json && api 401 GET /jobs &&
        api 200 GET /jobs --user "$key:$secret" --aws-sigv4 aws:amz:us-east-1:states && stop
}

# Without a worker it would wait for ever.
cancelled()
{
    begin && manifest a && submit a && api 202 POST "/jobs/$(cat a.id)/cancel" &&
        [ "$(jq -r .state answer.json)" = CANCELLING ] && stop && begin --workers 1 && ends a CANCELLED || return
    is_absent a.mp4 && is_clean || return
    api 202 POST "/jobs/$(cat a.id)/cancel" && api 202 POST "/jobs/$(cat a.id)/retry" && ends a SUCCEEDED || return
    [ "$(jq .attempt a.end)" = 2 ] && api 409 POST "/jobs/$(cat a.id)/retry" && api 409 POST "/jobs/$(cat a.id)/cancel" && stop && reference a && same a.run.mp4 a.mp4
}

# serve is killed every moment while jobs come in, with its worker at the end; what was answered with
# 201 ends, and ends once.
killed()
{
    local round name workers=0
    begin || return
    : >accepted
    for round in 1 2 3 4; do
        [ "$round" -lt 3 ] || workers=1
        for name in "r${round}a" "r${round}b"; do
            manifest "$name"
            curl -sS --max-time 20 -o answer.json -H 'Content-Type: application/json' -H "Idempotency-Key: $name" \
                --data-binary "@$name.json" "$url/v1/jobs" 2>/dev/null && jq -re .id answer.json >"$name.id" && echo "$name" >>accepted
            [ "$name" != "r${round}a" ] || { kill -KILL "$server"; wait "$server"; begin --workers $workers || return; }
        done
        sleep "0.$round"
        kill -KILL "$server"
        wait "$server"
        begin --workers $workers || return
    done
    [ "$(wc -l <accepted)" -ge 6 ] || complain 'few were accepted' || return
    while read -r name; do
        ends "$name" SUCCEEDED && is_there "$name.mp4" && [ "$(jq .attempt "$name.end")" = 1 ] || return
        submit "$name" 200 -H "Idempotency-Key: $name" && [ "$(jq -r .id answer.json)" = "$(jq -r .id "$name.end")" ] || return
    done <accepted
    # No other job, no other execution.
    api 200 GET '/jobs?limit=1000' && jq -r '.jobs[].execution' answer.json | sort >wanted.txt || return
    curl -sSf -H 'Content-Type: application/x-amz-json-1.0' -H 'X-Amz-Target: AWSStepFunctions.ListExecutions' "$url/" --data-binary \
        '{"stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:splitreel-transcode", "maxResults": 1000}' |
        jq -r '.executions[].executionArn' | sort >found.txt
    same wanted.txt found.txt && stop
}

scenario 'a job, from manifest to output and report' one_job
scenario 'one segment, four slots' spread_over_slots
scenario 'many in one request, one of them bad' many_jobs
scenario 'what is refused' refusals
scenario 'who may ask' keys
scenario 'cancelled, and tried again' cancelled
scenario 'serve is killed: each accepted job ends once' killed
finish
