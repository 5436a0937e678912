#!/usr/bin/env bash
# bench/workers.sh - a fleet against one process: two `worker` processes of one slot each and a `serve`, source, workspace and output in Ceph's RADOS
# gateway, in turn with `run -w 2` from and to the same gateway, on the same cores. SECONDS_WORKERS (180) of 1080p to HLS, PRESET (medium), RUNS (5).
# The bytes are compared. A fleet's time is the execution's, from its start to its end; its CPU that of service and workers from beginning to end.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/store_lib.sh"
seconds=${SECONDS_WORKERS:-180}
arns=arn:aws:states:us-east-1:123456789012
pids=()
start_store workers 8
# shellcheck disable=SC2154
trap '[ "${#pids[@]}" -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null; stop_store' EXIT

source=$(make_source "workers-$seconds" 1920 1080 "$seconds")
"$splitreel" cp -y -q "$source" s3://bench/source.mp4
folder=$work/workers
rm -rf "$folder" "$work"/w.run "$work"/w.fleet
mkdir -p "$folder"
echo '{"map_places": ["s3://bench/"]}' >"$folder/config.json"
sed "s/\${Activities}/$arns:activity:/" "$root/pipeline/workflows/transcode.asl.json" >"$folder/flow.json"

# manifest OUTPUT
manifest() {
    jq -n --arg output "$1" --arg preset "${PRESET:-medium}" '{version: 1, input: "s3://bench/source.mp4", output: $output,
        renditions: [{id: "video", codec: "h264", preset: $preset}, {id: "audio", codec: "aac"}],
        outputs: [{type: "hls", path: ".", use: ["video", "audio"]}]}'
}

# In hundredths of a second, of all processes that this shell has waited for. It must be called in this shell: the result is in $cpu.
children_cpu() {
    times >"$folder/times"
    cpu=$(sed -n 2p "$folder/times" | tr 'ms' '  ' | awk '{ printf "%d", 100 * ($1 * 60 + $2 + $3 * 60 + $4) }')
}

sm() { "$splitreel" sm "$1" --server "$url" --no-sign-request "${@:2}"; }

# fleet ROUND: appends "wall cpu" to w.fleet.
fleet() {
    local before i status=RUNNING
    children_cpu
    before=$cpu
    rm -rf "$folder/state"
    serve state --config "$folder/config.json" 2>>"$folder/serve.log"
    pids=("$server")
    for i in 1 2; do
        "$splitreel" worker --server "$url" --unsigned --slots 1 --activities all 2>>"$folder/worker-$i.log" &
        pids+=($!)
    done
    manifest "s3://bench/fleet-$1/" >"$folder/manifest.json"
    "$splitreel" cp -y -q "$folder/manifest.json" "s3://bench/ws-$1/jobs/bench/manifest.json"
    sm create --name bench "$folder/flow.json" >/dev/null
    sm start --name bench --input "{\"job\":{\"id\":\"bench\",\"workspace\":\"s3://bench/ws-$1/\"}}" "$arns:stateMachine:bench" >/dev/null
    while [ "$status" = RUNNING ]; do
        sleep 2
        sm describe "$arns:execution:bench:bench" >"$folder/end.json"
        status=$(jq -r .status "$folder/end.json")
    done
    kill -TERM "${pids[@]:1}"
    wait "${pids[@]:1}"
    kill -TERM "${pids[0]}"
    wait "${pids[0]}"
    pids=()
    [ "$status" = SUCCEEDED ] || { jq . "$folder/end.json" >&2; return 1; }
    children_cpu
    jq -r --argjson cpu $((cpu - before)) '"\(.stopDate - .startDate) \($cpu / 100)"' "$folder/end.json" >>"$work/w.fleet"
}

for ((round = 0; round < runs; round++)); do
    say "round $round"
    manifest "s3://bench/run-$round/" >"$folder/manifest.json"
    timed "$work/w.run" "$splitreel" run --manifest "$folder/manifest.json" -w 2 --progress none
    fleet "$round"
    rm -rf "$folder/run" "$folder/fleet"
    "$splitreel" cp -q -r "s3://bench/run-$round/" "$folder/run"
    "$splitreel" cp -q -r "s3://bench/fleet-$round/" "$folder/fleet"
    diff -rq --exclude=report.json "$folder/run" "$folder/fleet"
    [ "$(find "$folder/fleet" -name '*.m4s' | wc -l)" -gt 1 ]
done
machine
echo "$(stat -c %s "$source") bytes of source, $seconds s; medians of $runs"
for how in run fleet; do
    printf '%-6s %8s s %8s s CPU\n' "$how" "$(median "$work/w.$how" 1)" "$(median "$work/w.$how" 2)"
done
echo "fleet / run, wall: $(median_ratio "$work/w.fleet" "$work/w.run" 1)   (goal: at most 1.08)"
echo "fleet / run, CPU: $(median_ratio "$work/w.fleet" "$work/w.run" 2)"
