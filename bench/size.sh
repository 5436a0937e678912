#!/usr/bin/env bash
# bench/size.sh [SOURCE] - what splitting costs in bytes and quality: against ffmpeg encoding the same source unsplit, with key pictures forced
# where the segments begin, at the same CRF.
source "$(dirname "$0")/lib.sh"
source=${1:-$(make_source source-720p 1280 720 60)}
preset=${PRESET:-medium}

ssim() { ffmpeg -nostdin -v info -i "$1" -i "$source" -map 0:v -map 1:v -lavfi '[0:v][1:v]ssim' -f null - 2>&1 | sed -n 's/.*All:\([0-9.]*\).*/\1/p'; }
video_bytes() { ffprobe -v error -select_streams v:0 -show_entries packet=size -of csv=p=0 "$1" | tr -d ',' | awk '{ s += $1 } END { print s }'; }

machine
printf '| %-26s | %12s | %12s | %8s | %8s | %8s |\n|---|---|---|---|---|---|\n' segments 'unsplit B' 'splitreel B' 'bytes' SSIM 'SSIM -'
for segment in grid:4s keyframe:4s keyframe:default; do
    mode=${segment%%:*} length=${segment#*:}
    options=(--segment-mode "$mode")
    [[ $length == default ]] || options+=(--segment "$length")
    "$splitreel" run -i "$source" -o "$work/split.mp4" -y -an -c:v libx264 -preset "$preset" -crf 23 "${options[@]}" --progress none
    # The same cadence of key pictures: where the output of the split job has them.
    keys=$(ffprobe -v error -select_streams v:0 -skip_frame nokey -show_entries frame=pts_time -of csv=p=0 "$work/split.mp4" | tr -d ',' | grep . | paste -sd,)
    extra=()
    [[ $mode == grid ]] && extra=(-sc_threshold 0 -g 100000)
    ffmpeg -nostdin -v error -y -i "$source" -an -c:v libx264 -preset "$preset" -crf 23 -threads 1 -force_key_frames "$keys" "${extra[@]}" "$work/whole.mp4"
    a=$(video_bytes "$work/whole.mp4") b=$(video_bytes "$work/split.mp4") sa=$(ssim "$work/whole.mp4") sb=$(ssim "$work/split.mp4")
    printf '| %-26s | %12d | %12d | %+7.2f%% | %8s | %+8.5f |\n' "$mode, $length" "$a" "$b" \
        "$(awk "BEGIN { print ($b / $a - 1) * 100 }")" "$sb" "$(awk "BEGIN { print $sb - $sa }")"
done
