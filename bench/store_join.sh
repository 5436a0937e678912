#!/usr/bin/env bash
# bench/store_join.sh - an MP4 of about MIB (1024) with `layout: composed`, its parts in the same bucket of Ceph's RADOS gateway: what the
# joiner moved by itself, as the report's `transfer.composed` counts it. Fails when that is 2 % or more.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/store_lib.sh"
mib=${MIB:-1024}
start_store join $((mib * 4 / 1024 + 2))

# Noise, of which x264 makes 19 MB a second and more.
seconds=$(((mib + 17) / 18))
noise=$work/noise-$seconds.mp4
if [[ ! -s $noise ]]; then
    say "making noise ($seconds s)"
    ffmpeg -nostdin -v error -y -f lavfi -i "testsrc2=size=1280x720:rate=25,noise=alls=90:allf=t" -f lavfi -i sine=frequency=440:sample_rate=48000 \
        -t "$seconds" -pix_fmt yuv420p -c:v libx264 -preset ultrafast -qp 20 -g 50 -c:a aac -f mp4 "$noise.part"
    mv "$noise.part" "$noise"
fi
timed "$work/j.join" "$splitreel" run -i "$noise" -o s3://bench/joined.mp4 --layout composed --workspace s3://bench/.splitreel/ \
    -c:v libx264 -preset ultrafast -crf "${CRF:-16}" -c:a aac --progress none
"$splitreel" cat s3://bench/joined.report.json >"$work/j.report"
"$splitreel" cat s3://bench/joined.mp4 >"$work/j.mp4"
ffmpeg -nostdin -v error -i "$work/j.mp4" -map 0:v -c copy -f null - # what it is made of can be read through
rm -f "$work/j.mp4"
machine
jq -r '.outputs[0].bytes as $bytes | .transfer | "\($bytes) bytes; the joiner sent \(.composed.sent_bytes), the store copied \(.composed.copied_bytes): " +
    "\(100 * .composed.sent_bytes / (.composed.sent_bytes + .composed.copied_bytes) * 1000 | round / 1000) % (goal: under 2); \(.requests) requests, \(.retries) retries"' "$work/j.report"
jq -e '.composed.sent_bytes * 50 < .composed.sent_bytes + .composed.copied_bytes' <(jq .transfer "$work/j.report") >/dev/null
