#!/usr/bin/env bash
# bench/plan.sh - what planning a 20-minute MP4 costs, against reading its packets with ffprobe. A process that loads FFmpeg's libraries takes
# longer to start than to plan, so each is shown beside the same program doing nothing.
source "$(dirname "$0")/lib.sh"
source=$(make_source source-1080p 1920 1080 "${SECONDS_LONG:-180}")
long=$work/twenty-minutes.mp4
if [[ ! -s $long ]]; then
    ffmpeg -nostdin -v error -y -stream_loop -1 -i "$source" -t 1200 -c copy -movflags +faststart -f mp4 "$long.part" && mv "$long.part" "$long"
fi

# milliseconds COMMAND...: of one run.
milliseconds() {
    local from=$EPOCHREALTIME
    "$@" >/dev/null
    awk "BEGIN { printf \"%.1f\", ($EPOCHREALTIME - $from) * 1000 }"
}

rm -f "$work"/p.*
for ((i = 0; i <= runs * 4; i++)); do
    printf '%s %s %s %s\n' "$(milliseconds "$splitreel" plan --help)" "$(milliseconds "$splitreel" plan "$long" --json)" \
        "$(milliseconds ffprobe -v quiet -version)" \
        "$(milliseconds ffprobe -v error -select_streams v:0 -show_entries packet=pts,flags -of csv=p=0 "$long")" >>"$work/p.ms"
done
sed -i 1d "$work/p.ms"  # the first round warms the cache
machine
echo "20 minutes, $(du -hL "$long" | cut -f1), $(ffprobe -v error -select_streams v:0 -show_entries stream=nb_frames -of csv=p=0 "$long") pictures; medians of $((runs * 4)) runs"
awk '{ print $2 - $1, $4 - $3 }' "$work/p.ms" >"$work/p.net"
printf '| %-32s | %10s | %10s | %10s |\n|---|---|---|---|\n' '' 'nothing ms' 'whole ms' 'net ms'
printf '| %-32s | %10s | %10s | %10s |\n' 'splitreel plan (goal: net < 50)' "$(median "$work/p.ms" 1)" "$(median "$work/p.ms" 2)" "$(median "$work/p.net" 1)" \
    'ffprobe over the packets' "$(median "$work/p.ms" 3)" "$(median "$work/p.ms" 4)" "$(median "$work/p.net" 2)"
