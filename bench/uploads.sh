#!/usr/bin/env bash
# Uploads announced to the service: UPLOADS of them spread over SECONDS, each on disk before its answer, each exactly one execution.
# Half of them are told twice, as stores do. Between them a path is asked for that is not there: what the machine takes for an answer
# without any work. Needs make all.
#
#   bench/uploads.sh       UPLOADS (350), OVER (60 seconds)
source "$(dirname "$0")/lib.sh"
UPLOADS=${UPLOADS:-350} OVER=${OVER:-60}
folder=$(mktemp -d "$work/uploads-XXXXXX")
server=
end() { [[ -z $server ]] || { kill "$server" && wait "$server" || true; } 2>/dev/null; rm -rf -- "$folder"; }
trap end EXIT
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY

mkdir "$folder/rules"
echo '{"event_pattern": {"detail": {"object": {"key": [{"suffix": ".mp4"}]}}}, "target": {"state_machine": "m"}}' >"$folder/rules/mp4.json"
serve state --rules "$folder/rules" --log-level error
op CreateStateMachine "$(jq -cn '{name: "m", roleArn: "arn:aws:iam::123456789012:role/r",
    definition: ({StartAt: "P", States: {P: {Type: "Pass", End: true}}} | tojson)}')" >/dev/null

# tell NUMBER: prints how long the answer took, in seconds, and the status.
tell() {
    curl -sS -o /dev/null -w '%{time_total} %{http_code}\n' -H 'Content-Type: application/json' --data-binary \
        "{\"Records\":[{\"eventSource\":\"ceph:s3\",\"eventName\":\"ObjectCreated:Put\",\"s3\":{\"bucket\":{\"name\":\"in\"},\"object\":{\"key\":\"clip $1.mp4\",\"size\":1,\"sequencer\":\"$1\"}}}]}" \
        "$url/events/s3" >>"$folder/times"
}
begin=$EPOCHREALTIME
for ((i = 1; i <= UPLOADS; i++)); do
    pause=$(awk -v from="$begin" -v now="$EPOCHREALTIME" -v i="$i" -v n="$UPLOADS" -v s="$OVER" 'BEGIN { d = from + i * s / n - now; print (d > 0 ? d : 0) }')
    sleep "$pause"
    tell "$i"
    ((i % 2)) || tell "$i"
    curl -sS -o /dev/null -w '%{time_total} %{http_code}\n' "$url/nothing" >>"$folder/nothing"
done
count=0 next=
for _ in {1..200}; do
    count=0 next=null
    while :; do
        page=$(op ListExecutions "{\"stateMachineArn\":\"arn:aws:states:us-east-1:123456789012:stateMachine:m\",\"maxResults\":1000,\"nextToken\":$next}")
        count=$((count + $(jq '.executions|length' <<<"$page"))) next=$(jq -c '.nextToken // null' <<<"$page")
        [[ $next != null ]] || break
    done
    ((count < UPLOADS)) || break
done
sort -n "$folder/nothing" | awk '{ time[NR] = $1 * 1000 }
    END { at = int(NR * 0.99); if (at < NR * 0.99) at++; printf "no work: p50 %.1f ms, p99 %.1f ms\n", time[int(NR / 2)], time[at] }'
sort -n "$folder/times" | awk -v uploads="$UPLOADS" -v over="$OVER" -v executions="$count" '
    { time[NR] = $1 * 1000; bad += $2 != 200 }
    END {
        at = int(NR * 0.99); if (at < NR * 0.99) at++
        printf "%d uploads in %d s, %d deliveries, %d refused: p50 %.1f ms, p99 %.1f ms, longest %.1f ms; %d executions\n",
            uploads, over, NR, bad, time[int(NR / 2)], time[at], time[NR], executions
        exit bad > 0 || executions != uploads
    }'
