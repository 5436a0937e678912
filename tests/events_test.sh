#!/bin/bash
# Events against the service as a process: an upload told twice, killed in between, rules read anew
# on SIGHUP, a folder that is watched. The state machine answers with what it was given.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh
needs events curl jq
events=$(realpath tests/fuzz/corpus/event)
machine=arn:aws:states:us-east-1:123456789012:stateMachine:m

tell() { curl -sS --max-time 60 -H 'Content-Type: application/json' --data-binary "@$1" "$url/events/s3"; }
executions() { op ListExecutions "{\"stateMachineArn\":\"$machine\"}" | jq '.executions|length'; }
# until WANT: waits, with a limit, for so many executions, and sees that no more come than that.
until_are()
{
    for ((i = 0; i < 3000; i++)); do
        [ "$(executions)" = "$1" ] && return
    done
    tail -n 5 log.txt
    complain "$(executions) executions, want $1"
}
begin()
{
    rm -rf state rules log.txt && mkdir -p rules in && cat >rules/mp4.json <<'END'
{ "event_pattern": {"detail-type": ["Object Created"], "detail": {"object": {"key": [{"suffix": ".mp4"}]}}},
  "target": {"state_machine": "m"}, "input_path": "$.detail.object.key" }
END
    start --rules rules "$@" && op CreateStateMachine "$(jq -cn '{name: "m", roleArn: "arn:aws:iam::123456789012:role/r",
        definition: ({StartAt: "P", States: {P: {Type: "Pass", End: true}}} | tojson)}')" >/dev/null
}

twice_and_killed()
{
    begin || return
    [ "$(tell "$events/ceph-object-created.json" | jq -c .)" = '{"recorded":1,"known":0,"ignored":0}' ] &&
        [ "$(tell "$events/ceph-object-created.json" | jq -c .known)" = 1 ] || { complain 'recorded otherwise'; return 1; }
    stop KILL
    start --rules rules && until_are 1 || return
    tell "$events/minio-object-created.json" | grep -q '"recorded":1' && stop KILL
    start --rules rules && until_are 2 && tell "$events/ceph-object-created.json" | grep -q '"known":1' && until_are 2 || return
    op ListExecutions "{\"stateMachineArn\":\"$machine\"}" | jq -r '.executions[].executionArn' >arns.txt
    op DescribeExecution "{\"executionArn\":\"$(head -1 arns.txt)\"}" | jq -e '.output == "\"a b/ü+&= %41.mp4\""' >/dev/null ||
        complain 'the output is another'
    stop
}
reload()
{
    begin && sed 's/"suffix": ".mp4"/"suffix": ".mov"/' rules/mp4.json >mov && mv mov rules/mp4.json && kill -HUP "$server" || return
    for ((i = 0; i < 3000; i++)); do
        curl -sSf "$url/healthz" >/dev/null && [ "$(grep -c '"message":"rules"' log.txt)" = 2 ] && break
    done
    tell "$events/ceph-object-created.json" >/dev/null && jq '.Records[0].s3.object.key = "x.mov"' "$events/ceph-object-created-copy.json" >mov.json &&
        tell mov.json | grep -q '"recorded":1' && until_are 1 && stop
}
watched()
{
    begin --watch in || return
    echo data >in/.hidden.mp4 && echo data >in/a.mp4 && echo data >in/b.txt && until_are 1 && stop || return
    start --rules rules --watch in && echo data >in/c.mp4 && until_are 2 && stop
}
bad_rules()
{
    begin && stop && echo '{' >rules/bad.json
    status 2 "$SPLITREEL" serve --listen 127.0.0.1:0 --state state --rules rules && grep -q 'rules/bad.json' err.txt
}

try 'events: told twice, killed in between' twice_and_killed
try 'events: rules are read anew' reload
try 'events: a folder that is watched' watched
try 'events: rules with faults' bad_rules
finish
