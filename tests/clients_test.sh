#!/bin/bash
# Stock clients against the service: aws-cli (Debian's) and AWS's SDK for JavaScript (tests/clients/sfn.js).
# Each signs its calls; what is not installed is skipped by name.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
root=$PWD
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh
arn=arn:aws:states:us-east-1:123456789012
role=arn:aws:iam::123456789012:role/r

# aws-cli -------------------------------------------------------------------------------------------
aws=$(type -aP aws | grep -m 1 '^/usr/bin/' || type -P aws)
export AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret AWS_DEFAULT_REGION=us-east-1 AWS_MAX_ATTEMPTS=1 \
    AWS_CONFIG_FILE=none AWS_SHARED_CREDENTIALS_FILE=none AWS_PAGER= AWS_EC2_METADATA_DISABLED=true

sfn() { "$aws" --endpoint-url "$url" --output json stepfunctions "$@"; }
# refused ERROR COMMAND...: the client fails, and names the error.
refused()
{
    local error=$1
    shift
    ! sfn "$@" >answer.txt 2>refused.txt || { cat answer.txt; complain "not refused: $*"; return 1; }
    says "($error)" refused.txt
}
# is WANT FILTER FILE
is() { local got; got=$(jq -c -r "$2" "$3"); [ "$got" = "$1" ] || { cat "$3"; complain "$2 is $got, want $1"; }; }
begin() { keys_config && start --config config.json; }
# work NAME [FIELDS]: an activity and a machine whose one state is a task for it.
work()
{
    sfn create-activity --name "$1" >activity.txt && is "$arn:activity:$1" .activityArn activity.txt &&
        sfn create-state-machine --name "$1" --role-arn "$role" --definition \
            "{\"StartAt\":\"T\",\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"$arn:activity:$1\",\"End\":true${2:+,$2}}}}" \
            >machine.txt && is "$arn:stateMachine:$1" .stateMachineArn machine.txt
}
run() { sfn start-execution --state-machine-arn "$arn:stateMachine:$1" --name "$2" "${@:3}" >started.txt; }
take() { sfn get-activity-task --activity-arn "$arn:activity:$1" --worker-name w >task.txt && token=$(jq -r .taskToken task.txt); }
# over NAME EXECUTION WANT: how it ended.
over() { sfn describe-execution --execution-arn "$arn:execution:$1:$2" >end.txt && is "$3" '[.status, .output, .error, .cause] | map(. // "") | join(" ")' end.txt; }

aws_tasks()
{
    begin && work w '"HeartbeatSeconds":60' && run w one --input '{"a":"ü"}' && is "$arn:execution:w:one" .executionArn started.txt &&
        take w && is '{"a":"ü"}' .input task.txt &&
        sfn send-task-heartbeat --task-token "$token" &&
        sfn send-task-success --task-token "$token" --task-output '{"b":7}' && over w one 'SUCCEEDED {"b":7}  ' || return
    run w two && take w && sfn send-task-failure --task-token "$token" --error E --cause because &&
        over w two 'FAILED  E because' && refused TaskTimedOut send-task-success --task-token "$token" --task-output 1 || return
    run w three && take w && sfn stop-execution --execution-arn "$arn:execution:w:three" --error S --cause enough >stop.txt &&
        over w three 'ABORTED  S enough' && refused TaskTimedOut send-task-heartbeat --task-token "$token" && stop
}

aws_pages()
{
    local i states=
    begin || return
    for i in 0 1 2 3 4 5 6 7; do states+="\"P$i\":{\"Type\":\"Pass\",\"Next\":\"P$((i + 1))\"},"; done
    sfn create-state-machine --name p --role-arn "$role" --definition \
        "{\"StartAt\":\"P0\",\"States\":{$states\"P8\":{\"Type\":\"Succeed\"}}}" >/dev/null &&
        run p a && run p b && run p c || return
    local history=(get-execution-history --execution-arn "$arn:execution:p:a")
    sfn "${history[@]}" --page-size 3 >all.txt && is 20 '.events | length' all.txt &&
        is true '[.events[].id] == [range(1; 21)]' all.txt && is ExecutionSucceeded '.events[-1].type' all.txt || return
    sfn "${history[@]}" --max-items 7 --page-size 3 >first.txt &&
        sfn "${history[@]}" --starting-token "$(jq -r .NextToken first.txt)" >rest.txt &&
        is true '[.[].events[].id] == [range(1; 21)]' <(jq -s . first.txt rest.txt) || return
    sfn "${history[@]}" --reverse-order --page-size 6 >back.txt && is true '[.events[].id] == [range(20; 0; -1)]' back.txt &&
        sfn list-executions --state-machine-arn "$arn:stateMachine:p" --page-size 2 --status-filter SUCCEEDED >list.txt &&
        is c,b,a '[.executions[].name] | join(",")' list.txt && refused InvalidToken list-executions --no-paginate \
        --state-machine-arn "$arn:stateMachine:p" --next-token "$(jq -r .NextToken first.txt)" && stop
}

aws_machines()
{
    begin && work m && sfn update-state-machine --state-machine-arn "$arn:stateMachine:m" \
        --definition '{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}' >/dev/null &&
        sfn describe-state-machine --state-machine-arn "$arn:stateMachine:m" >machine.txt && is ACTIVE .status machine.txt &&
        sfn tag-resource --resource-arn "$arn:stateMachine:m" --tags key=k,value=v &&
        sfn list-tags-for-resource --resource-arn "$arn:stateMachine:m" >tags.txt && is '[{"key":"k","value":"v"}]' .tags tags.txt &&
        run m one --input '[1]' && sfn describe-state-machine-for-execution --execution-arn "$arn:execution:m:one" >for.txt &&
        is m .name for.txt && sfn delete-state-machine --state-machine-arn "$arn:stateMachine:m" || return
    refused StateMachineDoesNotExist describe-state-machine --state-machine-arn "$arn:stateMachine:m" &&
        refused ActivityDoesNotExist describe-activity --activity-arn "$arn:activity:no" &&
        refused InvalidDefinition create-state-machine --name n --role-arn "$role" --definition '{}' &&
        AWS_SECRET_ACCESS_KEY=guess refused InvalidSignatureException list-activities &&
        AWS_ACCESS_KEY_ID=AKIDNOBODY refused UnrecognizedClientException list-activities && stop
}

aws_map_run()
{
    begin && sfn create-activity --name i >/dev/null && sfn create-state-machine --name m --role-arn "$role" --definition \
        "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"Label\":\"l\",\"ItemProcessor\":{
        \"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\",\"ExecutionType\":\"STANDARD\"},\"StartAt\":\"T\",
        \"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"$arn:activity:i\",\"End\":true}}}}}}" >/dev/null &&
        run m one --input '[1,2]' && sfn list-map-runs --execution-arn "$arn:execution:m:one" >runs.txt || return
    local run
    run=$(jq -r '.mapRuns[0].mapRunArn' runs.txt)
    sfn update-map-run --map-run-arn "$run" --tolerated-failure-count 1 &&
        take i && sfn send-task-failure --task-token "$token" --error E &&
        take i && sfn send-task-success --task-token "$token" --task-output 5 && over m one 'SUCCEEDED [5]  ' &&
        sfn describe-map-run --map-run-arn "$run" >run.txt && is '1 1 1' '"\(.itemCounts.failed) \(.itemCounts.succeeded) \(.toleratedFailureCount)"' run.txt &&
        sfn list-executions --map-run-arn "$run" --page-size 1 >children.txt && is '["FAILED","SUCCEEDED"]' '[.executions[].status] | sort' children.txt &&
        stop
}

# The client insists on sync- before the host: here that name leads to this machine.
aws_sync()
{
    begin && mkdir names && cat >names/sitecustomize.py <<'PYTHON' || return
import socket
found = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: found('127.0.0.1' if host == 'sync-localhost' else host, *rest, **more)
PYTHON
    url=http://localhost:${url##*:}
    sfn create-state-machine --name x --type EXPRESS --role-arn "$role" --definition \
        '{"StartAt":"P","States":{"P":{"Type":"Pass","OutputPath":"$.a","End":true}}}' >/dev/null &&
        PYTHONPATH=names sfn start-sync-execution --state-machine-arn "$arn:stateMachine:x" --input '{"a":[3]}' >sync.txt &&
        is 'SUCCEEDED [3]' '"\(.status) \(.output)"' sync.txt && stop
}

if [ -n "$aws" ]; then
    scenario 'clients: aws-cli: tasks' aws_tasks
    scenario 'clients: aws-cli: pages' aws_pages
    scenario 'clients: aws-cli: machines, tags, errors, keys' aws_machines
    scenario 'clients: aws-cli: a map run' aws_map_run
    if head -n 1 "$aws" | grep -q python; then
        scenario 'clients: aws-cli: StartSyncExecution' aws_sync
    else
        echo 'skip clients: aws-cli: StartSyncExecution this aws-cli has a Python of its own'
    fi
else
    echo 'skip clients: aws-cli it is not installed'
fi

# The SDK for JavaScript: it prints its own verdicts. ---------------------------------------------------
sdk()
{
    cd "$work" || return
    trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null' EXIT
    begin && timeout 300 node "$root/tests/clients/sfn.js" "$1" "$url" "$key" "$secret" && stop
}

if modules=$(tests/clients/sdk.sh modules 2>"$work/why.txt"); then
    (sdk "$modules") || failures=$((failures + 1))
else
    echo "skip clients: SDK for JavaScript $(head -n 1 "$work/why.txt")"
fi
finish
