#!/usr/bin/env bash
# bench/plan.sh - what planning a 20-minute MP4 costs, from the process's start to its end, against reading its packets with ffprobe.
source "$(dirname "$0")/lib.sh"
source=$(make_source source-1080p 1920 1080 "${SECONDS_LONG:-180}")
long=$work/twenty-minutes.mp4
if [[ ! -s $long ]]; then
    ffmpeg -nostdin -v error -y -stream_loop -1 -i "$source" -t 1200 -c copy -movflags +faststart -f mp4 "$long.part" && mv "$long.part" "$long"
fi
rm -f "$work"/p.*
for ((i = 1; i <= runs + 1; i++)); do
    timed "$work/p.plan" "$splitreel" plan "$long" --json
    timed "$work/p.scan" ffprobe -v error -select_streams v:0 -show_entries packet=pts,flags -of csv=p=0 "$long"
done
sed -i 1d "$work/p.plan" "$work/p.scan"  # the first round warms the cache
machine
echo "20 minutes, $(du -h "$long" | cut -f1), $(ffprobe -v error -select_streams v:0 -show_entries stream=nb_frames -of csv=p=0 "$long") pictures"
echo "splitreel plan: $(median "$work/p.plan" 1) s wall (goal: under 0.05); ffprobe over the packets: $(median "$work/p.scan" 1) s"
