#!/bin/bash
# tests/upgrade/make.sh SPLITREEL FOLDER - leaves in FOLDER, as SQL, what an older splitreel had on disk
# when it was killed: what tests/upgrade_test.sh goes on with. Made so far:
#
#   1/  by df8194d, whose states.db is of version 1: an execution that waits for a time
#   3/  by 8ed35dc, states.db 3 and jobs.db 1: a task that a worker has, and an upload that was told of and started
#       an execution
set -euo pipefail
program=$(realpath "${1:?the older program}")
folder=$(mkdir -p "${2:?the folder}" && realpath "$2")
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf -- "$work"' EXIT
event=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../fuzz/corpus/event/ceph-object-created.json")
cd "$work"

dump() { sqlite3 "$1" .dump >"$2" && sqlite3 "$1" "SELECT 'PRAGMA user_version = ' || user_version || ';' FROM pragma_user_version" >>"$2"; }
until_there() { for _ in {1..100}; do sqlite3 "$1" "$2" 2>/dev/null | grep -q . && return; read -rt 0.1 <> <(:) || :; done; return 1; }

# The first programs had no service to speak of: `sm run --keep` leaves what it would have.
by_sm()
{
    cat >flow.json <<'JSON'
{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":20,"Next":"Work"},
  "Work":{"Type":"Task","Resource":"arn:aws:states:local:000000000000:activity:work","End":true}}}
JSON
    "$program" sm run flow.json --input '{"film":1}' --keep state >/dev/null 2>&1 &
    pid=$!
    until_there state/engine.db 'SELECT * FROM timer'
    kill -9 "$pid" && { wait "$pid" 2>/dev/null || :; } && pid=
    dump state/engine.db "$folder/states.sql"
}

call()
{
    curl -sS -H 'Content-Type: application/x-amz-json-1.0' -H "X-Amz-Target: AWSStepFunctions.$1" --data-binary "$2" "$url/"
}
by_serve()
{
    local arn=arn:aws:states:us-east-1:123456789012 flow
    mkdir rules
    cat >rules/film.json <<'JSON'
{ "event_pattern": {"detail-type": ["Object Created"]}, "target": {"state_machine": "film"} }
JSON
    mkfifo said
    "$program" serve --listen 127.0.0.1:0 --state state --rules rules >said 2>log.txt &
    pid=$!
    read -r said <said
    url=${said##*listening on }
    flow='{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"'$arn':activity:work","End":true}}}'
    call CreateActivity '{"name":"work"}' >/dev/null
    call CreateStateMachine "$(jq -cn --arg d "$flow" '{name: "film", definition: $d, roleArn: "arn:aws:iam::123456789012:role/r"}')" >/dev/null
    call StartExecution '{"stateMachineArn":"'$arn':stateMachine:film","name":"one"}' >/dev/null
    call GetActivityTask '{"activityArn":"'$arn':activity:work"}' | jq -r .taskToken >"$folder/token"
    curl -sSf -H 'Content-Type: application/json' --data-binary @"$event" "$url/events/s3" >/dev/null
    until_there state/states.db 'SELECT * FROM execution WHERE id = 2'
    until_there state/jobs.db 'SELECT * FROM start'
    kill -9 "$pid" && { wait "$pid" 2>/dev/null || :; } && pid=
    dump state/states.db "$folder/states.sql"
    dump state/jobs.db "$folder/jobs.sql"
    cp state/token.key "$folder"
}

if "$program" serve --help 2>/dev/null | grep -q -- --rules; then by_serve; else by_sm; fi
