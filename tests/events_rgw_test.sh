#!/bin/bash
# The accepting half of the story: a real gateway tells of uploads by aws-cli, each starts one
# execution with the key as it was meant, whatever comes again or is ours starts nothing.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh
needs 'events of RGW' curl jq aws
root=$PWD
machine=arn:aws:states:us-east-1:123456789012:stateMachine:m
secret=a-secret-for-the-gateway
export AWS_ACCESS_KEY_ID=splitreelaccess AWS_SECRET_ACCESS_KEY=splitreelsecretkey AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true

tests/servers/ceph-rgw.sh start "$work/rgw" >"$work/start.log" 2>&1
case $? in
0) ;;
77) echo 'skip events of RGW: Ceph is not installed (docs/storage.md)'; exit 0 ;;
*) cat "$work/start.log"; echo 'not ok events of RGW: it does not start'; exit 1 ;;
esac
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; "$root/tests/servers/ceph-rgw.sh" stop "$work/rgw" >/dev/null 2>&1; rm -rf -- "$work"' EXIT
endpoint=http://127.0.0.1:$(cat "$work/rgw/port")
rgw() { aws --endpoint-url "$endpoint" --no-cli-pager "$@"; }
# aws-cli of version 1 has no such option and no pager.
aws --version 2>&1 | grep -q '^aws-cli/1' && rgw() { aws --endpoint-url "$endpoint" "$@"; }

inputs()
{
    op ListExecutions "{\"stateMachineArn\":\"$machine\"}" | jq -r '.executions[].executionArn' | while read -r arn; do
        op DescribeExecution "{\"executionArn\":\"$arn\"}" | jq -r '.input|fromjson'
    done | LC_ALL=C sort
}
# until_are KEY...: the inputs of all executions.
until_are()
{
    local want i
    want=$(printf '%s\n' "$@" | LC_ALL=C sort)
    for ((i = 0; i < 300; i++)); do [ "$(inputs)" = "$want" ] && return; done
    tail -n 5 "$work/log.txt"
    complain "executions of: $(inputs | tr '\n' '|'), want $(tr '\n' '|' <<<"$want")"
}

begin()
{
    mkdir rules
    cat >rules/mp4.json <<'END'
{ "event_pattern": {"source": ["aws.s3"], "detail-type": ["Object Created"],
    "detail": {"bucket": {"name": ["incoming"]}, "object": {"key": [{"suffix": ".mp4"}]}}},
  "target": {"state_machine": "m"}, "input_path": "$.detail.object.key" }
END
    echo "{\"events\": {\"secrets\": [\"$secret\"], \"outputs\": [\"incoming/out/\"]}}" >config.json && chmod 600 config.json
    start --rules rules --config config.json || return
    op CreateStateMachine "$(jq -cn '{name: "m", roleArn: "arn:aws:iam::123456789012:role/r",
        definition: ({StartAt: "P", States: {P: {Type: "Pass", End: true}}} | tojson)}')" >/dev/null &&
        rgw s3api create-bucket --bucket incoming >/dev/null || return
    # Each upload is told by two topics: it is one event all the same.
    local topic again
    topic=$(rgw sns create-topic --name uploads --attributes "{\"push-endpoint\": \"$url/events/s3/$secret\"}" | jq -r .TopicArn) &&
        again=$(rgw sns create-topic --name again --attributes "{\"push-endpoint\": \"$url/events/s3/$secret\"}" | jq -r .TopicArn) &&
        rgw s3api put-bucket-notification-configuration --bucket incoming --notification-configuration \
            "{\"TopicConfigurations\": [{\"Id\": \"n\", \"TopicArn\": \"$topic\", \"Events\": [\"s3:ObjectCreated:*\"]},
                {\"Id\": \"m\", \"TopicArn\": \"$again\", \"Events\": [\"s3:ObjectCreated:*\"]}]}"
}

plus='a b/ü+&= %41.mp4'
uploads()
{
    head -c 3000 /dev/zero >small && head -c 20000000 /dev/zero >large &&
        rgw s3 cp --quiet small "s3://incoming/$plus" && until_are "$plus" || return
    rgw s3 cp --quiet large 's3://incoming/multi part+ö.mp4' && until_are "$plus" 'multi part+ö.mp4'
}
again()
{
    # The gateway's own words, as recorded from it, twice; and a copy, which is another upload.
    local body=$root/tests/fuzz/corpus/event/ceph-object-created-copy.json i
    for i in 1 0; do
        curl -sS --data-binary "@$body" "$url/events/s3/$secret" | jq -e ".recorded == $i" >/dev/null || { complain 'recorded otherwise'; return 1; }
    done
    until_are "$plus" 'multi part+ö.mp4' copy.mp4
}
ours()
{
    rgw s3 cp --quiet small s3://incoming/out/x.mp4 &&
        rgw s3 cp --quiet --metadata splitreel-job=j small s3://incoming/marked.mp4 &&
        rgw s3 cp --quiet small s3://incoming/x.txt && rgw s3 cp --quiet small s3://incoming/last.mp4 &&
        until_are "$plus" 'multi part+ö.mp4' copy.mp4 last.mp4
}

# What a job of ours writes into the same bucket, where no place is configured for it.
job()
{
    export AWS_ENDPOINT_URL_S3=$endpoint
    status 0 "$SPLITREEL" run "$FIXTURES/closed-gop.mp4" -o s3://incoming/made.mp4 "${fast[@]}" &&
        rgw s3api head-object --bucket incoming --key made.mp4 | jq -e '.Metadata["splitreel-job"]' >/dev/null &&
        rgw s3 cp --quiet small s3://incoming/after.mp4 &&
        until_are "$plus" 'multi part+ö.mp4' copy.mp4 last.mp4 after.mp4
}

cd "$work" || exit 1
begin || { echo 'not ok events of RGW: the beginning'; exit 1; }
cd "$root" || exit 1
try 'events of RGW: single and multipart uploads, odd keys' uploads
try 'events of RGW: the same again' again
try 'events of RGW: our own outputs' ours
try 'events of RGW: what a job writes' job
kill "$server" && wait "$server"
server=
finish
