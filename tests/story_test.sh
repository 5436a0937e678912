#!/bin/bash
# The story: files land in a bucket, a rule makes jobs of them, HLS and MP4 appear beside them, and a
# webhook says so. What is told twice, and what the jobs themselves write there, starts nothing.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh
# shellcheck source=tests/receiver.sh
. tests/receiver.sh
needs story curl jq aws perl openssl ffprobe
root=$PWD
secret=a-secret-for-the-gateway
pid=
export HOOK_SECRET=not-a-real-secret
export AWS_ACCESS_KEY_ID=splitreelaccess AWS_SECRET_ACCESS_KEY=splitreelsecretkey AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=$work/aws.ini

tests/servers/ceph-rgw.sh start "$work/rgw" >"$work/start.log" 2>&1
case $? in
0) ;;
77) echo 'skip story: Ceph is not installed (docs/storage.md)'; exit 0 ;;
*) cat "$work/start.log"; echo 'not ok story: the gateway does not start'; exit 1 ;;
esac
trap 'for pid in $server $receiver; do kill -9 "$pid" 2>/dev/null; done
    "$root/tests/servers/ceph-rgw.sh" stop "$work/rgw" >/dev/null 2>&1; rm -rf -- "$work"' EXIT
endpoint=http://127.0.0.1:$(cat "$work/rgw/port")
export AWS_ENDPOINT_URL_S3=$endpoint
rgw() { aws --endpoint-url "$endpoint" --no-cli-pager "$@"; }
# aws-cli of version 1 has no such option and no pager.
aws --version 2>&1 | grep -q '^aws-cli/1' && rgw() { aws --endpoint-url "$endpoint" "$@"; }

single='a b/ü+&= %41.mp4' multipart='multi part+ö.mp4'

# The outputs land in the bucket of the sources, under names that the rule wants, too.
rule()
{
    jq -n --arg hook "http://127.0.0.1:$heard_at/hook" '{
        event_pattern: {source: ["aws.s3"], "detail-type": ["Object Created"],
            detail: {bucket: {name: ["incoming"]}, object: {key: [{suffix: ".mp4"}]}}},
        input_transformer: {InputPathsMap: {bucket: "$.detail.bucket.name", key: "$.detail.object.key"}},
        target: {job: {version: 1, input: "s3://<bucket>/<key>", output: "s3://<bucket>/made/<key>/",
            segments: {target: "2s"},
            renditions: [{id: "v", codec: "h264", height: 180, preset: "ultrafast"}, {id: "a", codec: "aac", bitrate: "64k"}],
            outputs: [{type: "hls", path: "hls/", use: ["v", "a"], segment: "2s"}, {type: "mp4", path: "{name}.mp4", use: ["v", "a"]}],
            notifications: [{url: $hook, events: ["SUCCEEDED", "FAILED"], secret_env: "HOOK_SECRET"}]}}}' >rules/mp4.json
}

begin()
{
    printf '[default]\ns3 =\n  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n' >aws.ini
    mkdir rules
    receive 204 && rule || return
    jq -n --arg secret "$secret" --arg hook "http://127.0.0.1:$heard_at" '{events: {secrets: [$secret]},
        worker: {stores: "stores.json"}, jobs: {workspace: "s3://incoming/work/", allow: ["s3://incoming", $hook]}}' >config.json
    chmod 600 config.json
    echo '{"version": 1, "allow": ["127.0.0.1"]}' >stores.json
    rgw s3api create-bucket --bucket incoming >/dev/null || return
    start --rules rules --config config.json --workers 1 || return
    # What the gateway says passes the receiver, so that it can be said again.
    echo "${url#http://} /events/s3/$secret" >gateway.to
    local topic
    topic=$(rgw sns create-topic --name uploads --attributes "{\"push-endpoint\": \"http://127.0.0.1:$heard_at/gateway\"}" | jq -r .TopicArn) &&
        rgw s3api put-bucket-notification-configuration --bucket incoming --notification-configuration \
            "{\"TopicConfigurations\": [{\"Id\": \"n\", \"TopicArn\": \"$topic\", \"Events\": [\"s3:ObjectCreated:*\"]}]}"
}

jobs() { curl -sS --max-time 60 "$url/v1/jobs"; }
# ended KEY STATE
ended() { jobs | jq -e --arg input "s3://incoming/$1" --arg state "$2" '[.jobs[] | select(.input == $input)] | length == 1 and .[0].state == $state'; }
# are COUNT: how many jobs there are.
are() { [ "$(jobs | jq '.jobs | length')" = "$1" ] || { jobs | jq -c '.jobs[].input'; complain "want $1 jobs"; }; }

# made KEY: what its job has made is all there, and right.
made()
{
    local made="made/$1" name
    name=$(basename "$1" .mp4)
    await ended "$1" SUCCEEDED && rm -rf got && rgw s3 cp --quiet --recursive "s3://incoming/$made/" got || return
    [ "$(jq -r .verdict got/report.json)" = PASS ] || { cat got/report.json; complain 'its verdict'; return 1; }
    status 0 "$SPLITREEL" verify "s3://incoming/$made/$name.mp4" --against "s3://incoming/$1" || return
    [ "$(pictures "got/$name.mp4")" = "$pictures" ] && [ "$(pictures got/hls/master.m3u8)" = "$pictures" ] ||
        complain "pictures: $(pictures "got/$name.mp4"), $(pictures got/hls/master.m3u8), want $pictures" || return
    cat got/hls/v/init.mp4 got/hls/v/seg_*.m4s >track.mp4 && [ "$(pictures track.mp4)" = "$pictures" ] || complain 'the track'
}

uploads()
{
    rgw s3 cp --quiet clip.mp4 "s3://incoming/$single" && made "$single" &&
        rgw s3 cp --quiet large.mp4 "s3://incoming/$multipart" && made "$multipart" || return
    rgw s3api head-object --bucket incoming --key "$multipart" | jq -e '.ETag | test("-2\"$")' >/dev/null || complain 'in one part'
}

# told N TYPE INPUT: the Nth webhook.
told()
{
    await test -s "hook.$1" && signed "hook.$1" || return
    body "hook.$1" | jq -e --arg type "$2" --arg input "s3://incoming/$3" '.type == $type and .data.input == $input' >/dev/null ||
        { cat "hook.$1"; complain "want $2 of $3"; }
}
hooks() { told 1 job.succeeded "$single" && told 2 job.succeeded "$multipart" && is_absent hook.3; }

# post BODY ANSWER: as the gateway does it.
post()
{
    curl -sS --data-binary "@$1" "$url/events/s3/$secret" | jq -e "$2" >/dev/null || { cat "$1"; complain "want $2"; }
}
again()
{
    local told
    told=$(grep -lF "\"key\":\"$multipart\"" gateway.[0-9]* | head -n 1)
    body "$told" >again.json && post again.json '. == {recorded: 0, known: 1, ignored: 0}' && are 2
}

# All that the jobs have written was told of, and is theirs by its mark; without it, by its place.
ours()
{
    jq --arg key "made/$multipart/multi part+ö.mp4" '.Records[0].s3.object |= (.key = $key | .metadata = [] | .sequencer = "01")' \
        again.json >ours.json && post ours.json '. == {recorded: 0, known: 0, ignored: 1}' || return
    [ "$(grep -lF 'splitreel-job' gateway.[0-9]* | wc -l)" -gt 10 ] || { ls; complain 'the gateway tells of no outputs'; return 1; }
    # What comes last is a job, and the third: nothing is on its way any more.
    echo 'no film' >bad && rgw s3 cp --quiet bad s3://incoming/last.mp4 && await ended last.mp4 FAILED && are 3 &&
        told 3 job.failed last.mp4 || return
    jobs | jq -e '.jobs[0].error == "Splitreel.BadInput"' >/dev/null || complain 'another error'
}

cd "$work" || exit 1
pictures=$(pictures "$FIXTURES/rotated.mp4")
cp "$FIXTURES/rotated.mp4" clip.mp4
# A box that players pass over makes it large enough for two parts.
{ cat clip.mp4; printf '\x00\x60\x00\x00free'; head -c $((0x600000 - 8)) /dev/zero; } >large.mp4
begin || { echo 'not ok story: the beginning'; exit 1; }
cd "$root" || exit 1
try 'story: uploads become HLS and MP4, and verify' uploads
try 'story: the webhooks arrive, signed' hooks
try 'story: the same notification again' again
try 'story: outputs in the bucket of the sources' ours
hush
kill "$server" && wait "$server" || { echo 'not ok story: the service ends badly'; failures=1; }
server=
finish
