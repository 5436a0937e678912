#!/bin/bash
# What `splitreel sm` promises without a server: faults of definitions, one execution in process, its
# replay, exit statuses. The verbs that call a server are refused where they must be.
. tests/lib.sh
flows=$(realpath pipeline/workflows)
sm=("$SPLITREEL" sm)
json() { jq -e . "${1:-out.txt}" >/dev/null || complain "${1:-out.txt} is no JSON: $(head -c 200 "${1:-out.txt}")"; }
# is FILTER WANT [FILE]: what jq says of standard output.
is() { local got; got=$(jq -r "$1" "${3:-out.txt}"); [ "$got" = "$2" ] || complain "$1 is $got, want $2"; }

task='{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:eu:1:function:f",
    "Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":3600}],"Next":"W"},"W":{"Type":"Wait","Seconds":86400,"End":true}}}'

# validate ------------------------------------------------------------------------------------------
valid() { echo "$task" >d.json && status 0 "${sm[@]}" validate d.json && is .result OK && is '.diagnostics|length' 0; }
from_stdin() { echo "$task" | "${sm[@]}" validate - >out.txt && is .result OK; }
every_fault()
{
    echo '{"StartAt":"X","States":{"A":{"Type":"Pass","Next":"B"},"C":{"Type":"Wat"}}}' >bad.json
    status 2 "${sm[@]}" validate bad.json && is .result FAIL || return
    jq -e '(.diagnostics|length) >= 3 and all(.diagnostics[]; .code and .message and .location)' out.txt >/dev/null ||
        { cat out.txt; complain 'not every fault has code, message and location'; }
}
no_json() { echo '{' >bad.json && status 2 "${sm[@]}" validate bad.json && is '.diagnostics[0].code' INVALID_JSON_DESCRIPTION; }
workflows()
{
    local flow
    for flow in "$flows"/*.asl.json; do # what is bound to an account is filled in, as docs/flow.md says
        sed 's/${Activities}/arn:aws:states:eu-west-1:123456789012:activity:/' "$flow" >flow.json
        status 0 "${sm[@]}" validate flow.json && is .result OK || return
    done
}

# run -----------------------------------------------------------------------------------------------
mocked()
{
    echo "$task" >d.json
    echo '{"T": [{"error": "Busy"}, {"output": {"n": 2}}] } // comments are allowed' >m.json
    status 0 "${sm[@]}" run d.json --input '{"n":1}' --mock m.json --fast --history && is .status SUCCEEDED &&
        is .output.n 2 && is .input.n 1 && is '.events[0].type' ExecutionStarted && is '.events[-1].type' ExecutionSucceeded &&
        [ ! -s err.txt ]
}
failed_execution()
{
    echo "$task" >d.json
    echo '{"T": [{"error": "E", "cause": "because"}]}' >m.json
    status 1 "${sm[@]}" run d.json --mock m.json --fast && is .status FAILED && is .error E && is .cause because
}
no_result() { echo "$task" >d.json && status 2 "${sm[@]}" run d.json --fast && says 'state "T"'; }
wrong_name()
{
    echo "$task" >d.json
    echo '{"TT": [{"output": 1}]}' >m.json
    status 2 "${sm[@]}" run d.json --mock m.json --fast && says '$.TT' && says 'nearest is "T"'
}
faulty_is_not_run() { echo '{}' >bad.json && status 2 "${sm[@]}" run bad.json && is .result FAIL; }
input_file()
{
    echo '{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}' >p.json
    echo '{"a": [1, 2]}' >i.json
    status 0 "${sm[@]}" run p.json --input @i.json && is '.output.a[1]' 2 || return
    "${sm[@]}" run p.json --input - <i.json >out.txt && is '.output.a[1]' 2 || return
    status 2 "${sm[@]}" run p.json --input '{' && status 3 "${sm[@]}" run p.json --input @none.json && says none.json
}
really_waits()
{
    echo '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}' >w.json
    status 0 "${sm[@]}" run w.json --input '{"x":1}' && is .output.x 1 &&
        [ "$(jq -r '(.stopDate|sub("\\.[0-9]*Z$";"Z")|fromdate) - (.startDate|sub("\\.[0-9]*Z$";"Z")|fromdate)' out.txt)" -ge 1 ]
}
interrupted()
{
    echo '{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":9999,"End":true}}}' >w.json
    "${sm[@]}" run w.json --keep k >out.txt 2>err.txt &
    local pid=$!
    until [ -s k/states.db ] || ! kill -0 "$pid" 2>/dev/null; do :; done
    kill -INT "$pid"
    wait "$pid"
    [ $? -eq 130 ] || complain "exit status $?"
}

# replay --------------------------------------------------------------------------------------------
replayed()
{
    echo "$task" >d.json
    echo '{"T": [{"error": "Busy"}, {"output": 2}]}' >m.json
    status 0 "${sm[@]}" run d.json --mock m.json --fast --keep state && status 0 "${sm[@]}" replay once --state state || return
    jq -es 'all(.[]; type == "object")' out.txt >/dev/null || complain 'a line that is no object' || return
    tail -n 1 out.txt >sum.txt
    is .status SUCCEEDED sum.txt && is .stored_status SUCCEEDED sum.txt && is .history valid sum.txt &&
        is .differing_entries 0 sum.txt || return
    [ "$(jq -s '[.[]|.events//[]|if type == "array" then length else 0 end]|add' out.txt)" = "$(jq .events sum.txt)" ] ||
        complain 'not every event' || return
    jq -se 'any(.[].commands[]?; .kind == "timer" and .state == null and .at)' out.txt >/dev/null || complain 'no timer' || return
    status 2 "${sm[@]}" run d.json --mock m.json --fast --keep state && says 'there already'
}
not_there()
{
    mkdir -p empty
    status 3 "${sm[@]}" replay once --state empty && [ -z "$(ls empty)" ] && status 2 "${sm[@]}" replay once || return
    status 3 "${sm[@]}" replay other --state state && says other && status 3 "${sm[@]}" replay arn:aws:x --state state
}
tampered()
{
    cp -r state changed
    LC_ALL=C sed -i 's/WaitStateExited/TaskStateExited/' changed/states.db
    status 5 "${sm[@]}" replay once --state changed && says 'stored history'
}

# words ---------------------------------------------------------------------------------------------
usage()
{
    status 2 "${sm[@]}" && status 2 "${sm[@]}" no-such && status 2 "${sm[@]}" validate && status 2 "${sm[@]}" validate a b &&
        status 2 "${sm[@]}" validate d.json --fast && status 3 "${sm[@]}" validate none.json && says none.json &&
        status 2 "${sm[@]}" run d.json --type EXPRESS && status 2 "${sm[@]}" validate d.json --type OTHER && says OTHER
}
help_text()
{
    status 0 "${sm[@]}" --help && says validate out.txt || return
    local verb
    for verb in validate run replay create start describe history stop list; do
        status 0 "${sm[@]}" "$verb" --help && says "sm $verb" out.txt || return
    done
}
remote_words()
{
    unset AWS_ENDPOINT_URL AWS_ENDPOINT_URL_SFN
    export HOME=$PWD
    status 2 "${sm[@]}" list && says --server && status 2 "${sm[@]}" create d.json --server http://127.0.0.1:1 && says --name &&
        status 2 "${sm[@]}" describe nothing --server http://127.0.0.1:1 && says ARN &&
        status 2 "${sm[@]}" list a --limit 0 --server http://127.0.0.1:1 && says --limit &&
        status 4 "${sm[@]}" list --server http://127.0.0.1:1 --no-sign-request &&
        status 3 env -u AWS_ACCESS_KEY_ID -u AWS_PROFILE AWS_EC2_METADATA_DISABLED=true "${sm[@]}" list --server http://127.0.0.1:1 && says --no-sign-request
}

# Against the service itself.
served()
{
    local pid url at verdict=0
    tied "$SPLITREEL" serve --state served --listen 127.0.0.1:0 >served.txt 2>&1 &
    pid=$!
    until url=$(grep -oE 'http://[0-9.:]+' served.txt) || ! kill -0 "$pid" 2>/dev/null; do :; done
    at=(--server "$url" --no-sign-request)
    echo '{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}' >p.json
    calls "${at[@]}" || verdict=1
    kill "$pid"
    wait "$pid"
    return "$verdict"
}
calls()
{
    local machine execution
    status 0 "${sm[@]}" create p.json --name p "$@" && machine=$(jq -r .stateMachineArn out.txt) &&
        status 0 "${sm[@]}" list "$@" && is '.stateMachines[0].stateMachineArn' "$machine" &&
        status 0 "${sm[@]}" start "$machine" --name e1 --input '{"a":1}' "$@" && execution=$(jq -r .executionArn out.txt) &&
        status 0 "${sm[@]}" history "$execution" "$@" && is '.events[0].type' ExecutionStarted &&
        status 0 "${sm[@]}" list "$machine" "$@" && is '.executions|length' 1 &&
        status 3 "${sm[@]}" stop "${execution}x" "$@" && says ExecutionDoesNotExist &&
        status 0 "${sm[@]}" replay e1 --state served
}

try 'sm validate: a definition without faults' valid
try 'sm validate: from standard input' from_stdin
try 'sm validate: every fault with code and place' every_fault
try 'sm validate: what is no JSON' no_json
try 'sm validate: the flows that come with the program' workflows
try 'sm run: results of tasks from a file, days in no time' mocked
try 'sm run: an execution that fails' failed_execution
try 'sm run: a task without a result' no_result
try 'sm run: a result for no state' wrong_name
try 'sm run: a definition with faults' faulty_is_not_run
try 'sm run: input from a file and from standard input' input_file
try 'sm run: waits when it is not told otherwise' really_waits
try 'sm run: interrupted' interrupted
try 'sm replay: an execution that was kept' replayed
try 'sm replay: what is not there' not_there
try 'sm replay: a history that was changed' tampered
try 'sm: words that are wrong' usage
try 'sm: help' help_text
try 'sm: verbs that call a server' remote_words
try 'sm: a machine and its execution on the service' served
finish
