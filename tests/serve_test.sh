#!/bin/bash
# splitreel serve, as a process: start, calls signed and unsigned, stop with polls open, start again
# with the same state, a second process, wrong configurations.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh

needs serve curl jq
# op OPERATION BODY [CURL-OPTION...]: the body of the answer; fails unless the status is 200.
op()
{
    local name=$1 body=$2 code
    shift 2
    code=$(curl -sS --max-time 90 -o answer.json -w '%{http_code}' "$@" -H 'Content-Type: application/x-amz-json-1.0' \
        -H "X-Amz-Target: AWSStepFunctions.$name" --data-binary "$body" "$url/")
    cat answer.json
    [ "$code" = 200 ]
}

wait_task='{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:work","End":true}}}'
machine_arn=arn:aws:states:us-east-1:123456789012:stateMachine:m
activity_arn=arn:aws:states:us-east-1:123456789012:activity:work
create_all()
{
    op CreateActivity '{"name":"work"}' >/dev/null &&
        op CreateStateMachine "$(jq -cn --arg d "$wait_task" \
            '{name: "m", definition: $d, roleArn: "arn:aws:iam::123456789012:role/r"}')" >/dev/null
}

answers()
{
    start || return
    curl -sSf "$url/healthz" >health.txt && says '"status":"ok"' health.txt &&
        curl -sSf "$url/metrics" >metrics.txt && says 'splitreel_executions_open 0' metrics.txt &&
        says 'splitreel_commit_seconds_bucket' metrics.txt &&
        op ListActivities '{}' >list.txt && says '{"activities":[' list.txt || return
    ! op NoSuchThing '{}' >refused.txt && says UnknownOperationException refused.txt || return
    ! op ListActivities '{' >refused.txt && says SerializationException refused.txt || return
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/elsewhere")" = 404 ] &&
        [ "$(curl -s -o /dev/null -w '%{http_code}' -X PUT "$url/")" = 405 ] &&
        [ "$(curl -s -o /dev/null -w '%{http_code}' -d '{}' "$url/")" = 415 ] &&
        [ "$(curl -s -o /dev/null -w '%{http_code}' -H 'Host: rebound.example.org' -d '{}' \
            -H 'Content-Type: application/x-amz-json-1.0' "$url/")" = 403 ] || return
    stop && says 'no keys' log.txt || return
    jq -es 'map(.operation) | contains(["ListActivities", "NoSuchThing"])' state/audit.log >/dev/null ||
        complain 'the audit log has no line of a call'
}

keeps_its_state()
{
    start && create_all && op StartExecution "{\"stateMachineArn\":\"$machine_arn\",\"name\":\"one\"}" >one.txt || return
    op GetActivityTask "{\"activityArn\":\"$activity_arn\"}" >task.txt || return
    stop || return
    start || return
    token=$(jq -r .taskToken task.txt)
    op SendTaskSuccess "$(jq -cn --arg t "$token" '{taskToken: $t, output: "7"}')" || return
    op DescribeExecution "$(jq -c '{executionArn}' one.txt)" >end.txt || return
    [ "$(jq -r '.status + .output' end.txt)" = SUCCEEDED7 ] || { cat end.txt; return 1; }
    stop
}

# Open polls are answered with nothing when it stops; those whose client has gone do not keep it.
stops_with_polls_open()
{
    start && create_all || return
    local polls=() i
    for i in 1 2 3; do
        curl -sS --max-time 90 -o "poll$i.json" -w '%{http_code}' -H 'Content-Type: application/x-amz-json-1.0' \
            -H 'X-Amz-Target: AWSStepFunctions.GetActivityTask' -d "{\"activityArn\":\"$activity_arn\"}" \
            "$url/" >"poll$i.txt" &
        polls+=($!)
    done
    for i in $(seq 600); do # until the service has all of them
        curl -sSf "$url/metrics" | grep -qF "splitreel_activity_pollers{activity=\"$activity_arn\"} 3" && break
    done
    [ "$i" -lt 600 ] || { complain 'the polls do not arrive'; return 1; }
    kill -9 "${polls[2]}"
    stop || { complain "exit status $?"; return 1; }
    wait "${polls[0]}" && wait "${polls[1]}" || return
    [ "$(cat poll1.txt poll2.txt)" = 200200 ] && [ "$(jq -c .taskToken poll1.json)" = null ]
}

# A task that could not be handed over goes to the next worker, at once.
gone_worker()
{
    start && create_all || return
    curl -sS --max-time 90 -H 'Content-Type: application/x-amz-json-1.0' \
        -H 'X-Amz-Target: AWSStepFunctions.GetActivityTask' -d "{\"activityArn\":\"$activity_arn\"}" "$url/" >gone.txt &
    local worker=$! i
    for i in $(seq 600); do
        curl -sSf "$url/metrics" | grep -qF "splitreel_activity_pollers{activity=\"$activity_arn\"} 1" && break
    done
    kill -9 "$worker"
    wait "$worker" 2>/dev/null
    op StartExecution "{\"stateMachineArn\":\"$machine_arn\",\"input\":\"{\\\"a\\\":1}\"}" >/dev/null &&
        op GetActivityTask "{\"activityArn\":\"$activity_arn\"}" >task.txt || return
    [ "$(jq -r .input task.txt)" = '{"a":1}' ] || { cat task.txt; return 1; }
    stop
}

survives_a_kill()
{
    start && create_all && op StartExecution "{\"stateMachineArn\":\"$machine_arn\",\"name\":\"two\"}" >two.txt || return
    stop KILL
    start || return
    op DescribeExecution "$(jq -c '{executionArn}' two.txt)" >end.txt && says RUNNING end.txt &&
        op GetActivityTask "{\"activityArn\":\"$activity_arn\"}" >task.txt && says taskToken task.txt && stop
}

with_keys()
{
    printf '{ // who may call\n"keys": [{"access_key": "AKIDEXAMPLE", "secret": "%s"}], "metrics_token": "%s" }\n' \
        "$secret" "$secret" >config.json
    chmod 644 config.json
    status 4 "$SPLITREEL" serve --listen 127.0.0.1:0 --state state --config config.json && says 'chmod 600' || return
    chmod 600 config.json
    start --config config.json || return
    local sign=(--user "AKIDEXAMPLE:$secret" --aws-sigv4 aws:amz:us-east-1:states)
    ! op ListActivities '{}' >refused.txt && says MissingAuthenticationTokenException refused.txt || return
    ! op ListActivities '{}' --user AKIDEXAMPLE:guess --aws-sigv4 aws:amz:us-east-1:states >refused.txt &&
        says InvalidSignatureException refused.txt || return
    # curl before 7.86 signs no X-Amz-Target, which is refused: then there is nothing to compare.
    if op ListActivities '{}' "${sign[@]}" >list.txt; then
        says '"activities":[' list.txt || return
    else
        says 'x-amz-target is not signed' list.txt || says 'X-Amz-Target is not signed' list.txt || return
    fi
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/metrics")" = 403 ] &&
        curl -sSf -H "Authorization: Bearer $secret" "$url/metrics" >/dev/null &&
        curl -sSf "$url/healthz" >/dev/null && stop || return
    ! grep -rqF -- "$secret" log.txt state/audit.log || complain 'a secret is in a log'
}

refuses_the_world_without_keys()
{
    status 4 "$SPLITREEL" serve --listen 0.0.0.0:0 --state state && says 'there are no keys' || return
    echo '{"listen": "[::]:0"}' >config.json
    status 4 "$SPLITREEL" serve --state state --config config.json && says 'there are no keys'
}

one_process_for_a_folder()
{
    start || return
    status 4 "$SPLITREEL" serve --listen 127.0.0.1:0 --state state && says "in use by process $server" || return
    status 1 "$SPLITREEL" serve --listen "${url#http://}" --state other && says 'taken' || return
    stop
}

usage()
{
    status 0 "$SPLITREEL" serve --help && says '--listen' out.txt || says '-listen' out.txt || return
    status 2 "$SPLITREEL" serve file && status 2 "$SPLITREEL" serve --listen nowhere --state s &&
        status 2 "$SPLITREEL" serve --log-level loud && status 3 "$SPLITREEL" serve --config absent || return
    echo '{"regoin": "x"}' >config.json
    status 2 "$SPLITREEL" serve --config config.json && says region && is_absent .splitreel-state
}

json_line()
{
    start --json 2>/dev/null
    url=$(jq -r .listening <<<"$said")
    [ "$(jq -r .keys <<<"$said")" = false ] && curl -sSf "$url/healthz" >/dev/null && stop INT
}

scenario 'serve: answers, and refuses what is no call' answers
scenario 'serve: goes on with the same state' keeps_its_state
scenario 'serve: stops with polls open' stops_with_polls_open
scenario 'serve: a worker that has gone gets no task' gone_worker
scenario 'serve: goes on after a kill' survives_a_kill
scenario 'serve: keys' with_keys
scenario 'serve: nobody else without keys' refuses_the_world_without_keys
scenario 'serve: one process for a folder' one_process_for_a_folder
scenario 'serve: usage' usage
scenario 'serve: JSON' json_line
finish
