#!/bin/bash
# What `splitreel rules` promises: every fault of every file at once, an event from any store against
# a rule, a schedule's next times, exit statuses.
. tests/lib.sh
events=$(realpath tests/fuzz/corpus/event)
rules=("$SPLITREEL" rules)
is() { local got; got=$(jq -r "$1" "${3:-out.txt}"); [ "$got" = "$2" ] || complain "$1 is $got, want $2"; }

mkdir "$work/good"
cat >"$work/good/mp4.json" <<'END'
{ // every MP4 of incoming
  "event_pattern": {"source": ["aws.s3"], "detail-type": ["Object Created"],
    "detail": {"bucket": {"name": ["incoming"]}, "object": {"key": [{"suffix": ".mp4"}]}}},
  "input_transformer": {"InputPathsMap": {"b": "$.detail.bucket.name", "k": "$.detail.object.key"},
    "InputTemplate": "{\"url\": \"s3://<b>/<k>\"}"},
  "target": {"state_machine": "transcode"}
}
END
echo '{"schedule": "cron(0 12 ? * MON-FRI *)", "time_zone": "Europe/Berlin", "target": {"state_machine": "m"}}' >"$work/good/noon.json"

good() { status 0 "${rules[@]}" check good && grep -qx '2 rules are fine' out.txt; }
every_fault()
{
    mkdir bad && echo '{' >bad/a.json && echo '{"schedule": "rate(5 minute)", "inptu": 1}' >bad/b.json
    status 2 "${rules[@]}" check bad good || return
    grep -q 'bad/a.json: \$: ' err.txt && grep -q "bad/b.json: \$.inptu: .*nearest is input" err.txt &&
        grep -q 'bad/b.json: $.schedule: rate()' err.txt && grep -q 'bad/b.json: $.target: want' err.txt ||
        { cat err.txt; complain 'a fault is missing'; }
    status 2 "${rules[@]}" check --json bad && is '.faults|length' 4 && is '.faults[0].file' bad/a.json
}
no_folder() { status 3 "${rules[@]}" check nowhere; }
every_store()
{
    local file
    for file in ceph-object-created minio-object-created aws-s3-object-created aws-eventbridge-object-created; do
        status 0 "${rules[@]}" test good/mp4.json --json --event "$events/$file.json" || return
        is .match true && is .state_machine transcode && is .input.url 's3://incoming/a b/ü+&= %41.mp4' ||
            { complain "$file"; return 1; }
    done
}
no_match() { status 1 "${rules[@]}" test good/mp4.json --event "$events/s3rver-object-created.json" && grep -qx 'does not match' out.txt; }
no_event()
{
    status 2 "${rules[@]}" test good/mp4.json && echo '{}' >e.json && status 2 "${rules[@]}" test good/mp4.json --event e.json
}
times()
{
    status 0 "${rules[@]}" test good/noon.json --json && is '.next|length' 5 &&
        is 'all(.next[]; test("T1[01]:00:00.000Z$"))' true
}
words() { status 2 "${rules[@]}" && status 2 "${rules[@]}" chekc good && status 2 "${rules[@]}" check && status 0 "${rules[@]}" --help; }

try 'rules: good ones' good
try 'rules: every fault of every file' every_fault
try 'rules: no such folder' no_folder
try 'rules: an event from any store' every_store
try 'rules: an event that does not match' no_match
try 'rules: no event' no_event
try 'rules: the next times of a schedule' times
try 'rules: wrong words' words
finish
