#!/usr/bin/env bash
# bench/store_job.sh - a source of SECONDS_JOB (600) in 1080p to HLS: from and to Ceph's RADOS gateway on the same machine, against the
# same job on files, each first in turn; the source is a minute, repeated. PRESET (ultrafast: what costs the least beside the transfers), RUNS (5). The bytes are compared.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/store_lib.sh"
seconds=${SECONDS_JOB:-600}
start_store job $((seconds / 60 + 6))

length=$((seconds < 60 ? seconds : 60))
minute=$(make_source "part-$length" 1920 1080 "$length")
source=$work/long-$seconds.mp4
if [[ ! -s $source ]]; then
    ffmpeg -nostdin -v error -y -stream_loop $(((seconds + 59) / 60 - 1)) -i "$minute" -map 0 -c copy -movflags +faststart -f mp4 "$source.part"
    mv "$source.part" "$source"
fi
"$splitreel" cp -q "$source" s3://bench/source.mp4

job=(--template hls-1080p --preset "${PRESET:-ultrafast}" --progress none)
rm -rf "$work"/b.files "$work"/b.store "$work"/b.server "$work/hls" "$work/hls.down"
on_files() {
    rm -rf "$work/hls"
    timed "$work/b.files" "$splitreel" run -i "$source" -o "$work/hls/" "${job[@]}"
}

on_store() {
    local before
    before=$(store_cpu)
    timed "$work/b.store" "$splitreel" run -i s3://bench/source.mp4 -o "s3://bench/hls-$round/" "${job[@]}"
    awk "BEGIN { print $(store_cpu) - $before }" >>"$work/b.server"
}

for ((round = 0; round < runs; round++)); do
    say "round $round"
    if ((round % 2)); then on_store; on_files; else on_files; on_store; fi
    rm -rf "$work/hls.down"
    "$splitreel" cp -q -r "s3://bench/hls-$round/" "$work/hls.down"
    diff -rq --exclude=report.json "$work/hls" "$work/hls.down"
done
jq -c .transfer "$work/hls.down/report.json"
rm -rf "$work/hls" "$work/hls.down"
machine
echo "$(stat -c %s "$source") bytes of source, $seconds s; medians of $runs"
for where in files store; do
    printf '%-6s %8s s %8s s CPU %9s KiB\n' "$where" "$(median "$work/b.$where" 1)" "$(median "$work/b.$where" 2)" "$(median "$work/b.$where" 3)"
done
served=$(median "$work/b.server" 1)
echo "the gateway's own: $served s CPU; with it store / files, CPU: $(awk "BEGIN {
    printf \"%.3f\", ($(median "$work/b.store" 2) + $served) / $(median "$work/b.files" 2) }")"
echo "store / files, wall: $(median_ratio "$work/b.store" "$work/b.files" 1)   (goal: at most 1.05)"
