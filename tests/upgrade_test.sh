#!/bin/bash
# State folders that older programs left when they were killed (tests/upgrade/make.sh): serve brings them
# up to date and goes on with what was running. One that a newer program made is refused.
. tests/lib.sh
. tests/serve.sh
old=$PWD/tests/upgrade
event=$PWD/tests/fuzz/corpus/event/ceph-object-created.json
needs upgrade curl jq sqlite3

# op OPERATION BODY: the answer, in answer.json too.
op()
{
    curl -sS --max-time 90 -f -o answer.json -H 'Content-Type: application/x-amz-json-1.0' \
        -H "X-Amz-Target: AWSStepFunctions.$1" --data-binary "$2" "$url/" && cat answer.json
}
version() { sqlite3 "$1" 'PRAGMA user_version'; }
# left VERSION: state/ as it was left.
left()
{
    local file
    mkdir -m 700 state
    for file in "$old/$1"/*.sql; do sqlite3 "state/$(basename "$file" .sql).db" <"$file" || return; done
    [ ! -e "$old/$1/token.key" ] || install -m 600 "$old/$1/token.key" state
}
succeeded() { [ "$(op DescribeExecution "{\"executionArn\":\"$1\"}" | jq -r .status)" = SUCCEEDED ] || complain "$1: $(cat answer.json)"; }

# Its wait is over long since.
first()
{
    local arn=arn:aws:states:local:000000000000 token
    left 1 && [ "$(version state/states.db)" = 1 ] || complain 'not of version 1' || return
    echo '{"region": "local", "account": "000000000000"}' >config.json
    start --config config.json || return
    [ "$(version state/states.db)" -ge 3 ] || complain 'it was not brought up to date' || return
    op CreateActivity '{"name":"work"}' >/dev/null && op GetActivityTask "{\"activityArn\":\"$arn:activity:work\"}" >task.txt || return
    [ "$(jq -c '.input | fromjson' task.txt)" = '{"film":1}' ] || { cat task.txt; complain 'another input'; } || return
    token=$(jq -r .taskToken task.txt)
    op SendTaskSuccess "$(jq -cn --arg t "$token" '{taskToken: $t, output: "7"}')" &&
        succeeded "$arn:execution:flow:once" || return
    op GetExecutionHistory "{\"executionArn\":\"$arn:execution:flow:once\"}" | jq -c '[.events[].type]' >types.txt
    [ "$(jq -r '.[0], .[1], .[-1]' types.txt | tr '\n' ' ')" = 'ExecutionStarted WaitStateEntered ExecutionSucceeded ' ] ||
        { cat types.txt; complain 'another history'; } || return
    stop
}
# A worker comes with the token that it was given before; the event comes again.
service_and_events()
{
    local arn=arn:aws:states:us-east-1:123456789012 from
    left 3 && from=$(version state/jobs.db) && [ "$from" = 1 ] || complain 'jobs.db is not of version 1' || return
    mkdir rules && echo '{ "event_pattern": {"detail-type": ["Object Created"]}, "target": {"state_machine": "film"} }' >rules/film.json
    start --rules rules || return
    [ "$(version state/jobs.db)" -gt 1 ] || complain 'jobs.db was not brought up to date' || return
    op SendTaskSuccess "$(jq -cn --arg t "$(cat "$old/3/token")" '{taskToken: $t, output: "7"}')" &&
        succeeded "$arn:execution:film:one" || return
    [ "$(curl -sS -H 'Content-Type: application/json' --data-binary "@$event" "$url/events/s3" | jq -c .known)" = 1 ] ||
        complain 'the event is not known any more' || return
    [ "$(op ListExecutions "{\"stateMachineArn\":\"$arn:stateMachine:film\"}" | jq '.executions | length')" = 2 ] ||
        { cat answer.json; complain 'not the two executions'; } || return
    op GetActivityTask "{\"activityArn\":\"$arn:activity:work\"}" | jq -r .input | jq -e '.detail.bucket.name' >/dev/null ||
        complain 'the task of the event is gone' || return
    [ "$(curl -sSf "$url/v1/jobs" | jq -c .jobs)" = '[]' ] || complain 'there are jobs' || return
    stop
}
newer()
{
    local file
    for file in states jobs; do
        rm -rf state && left 3 && sqlite3 state/$file.db 'PRAGMA user_version = 99' && status 3 "$SPLITREEL" serve --listen 127.0.0.1:0 --state state &&
            says "$file.db" && says 'is of version 99, a newer program made it' && [ "$(version state/$file.db)" = 99 ] || return
    done
}

scenario 'upgrade: of the first version, an execution that waits' first
scenario 'upgrade: of a service, a task that is out and an event that was seen' service_and_events
scenario 'upgrade: what a newer program made is refused' newer
finish
