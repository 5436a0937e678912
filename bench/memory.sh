#!/usr/bin/env bash
# bench/memory.sh - peak memory of a job for one minute and for sixty minutes of 1080p: the difference may be 100 bytes a packet, plus 10 %.
source "$(dirname "$0")/lib.sh"
minute=$work/minute.mp4 hour=$work/hour.mp4
if [[ ! -s $hour ]]; then
    say "making a quiet minute of 1080p, and sixty of it"
    ffmpeg -nostdin -v error -y -f lavfi -i "testsrc=size=1920x1080:rate=5" -f lavfi -i "sine=sample_rate=48000" -t 60 -c:v libx264 \
        -preset ultrafast -crf 30 -g 10 -bf 2 -c:a aac -pix_fmt yuv420p -f mp4 "$minute"
    ffmpeg -nostdin -v error -y -stream_loop 59 -i "$minute" -c copy -f mp4 "$hour.part" && mv "$hour.part" "$hour"
fi
rm -f "$work"/m.*
for f in minute minute minute minute minute hour; do  # short jobs differ by how their segments overlap
    say "transcoding the $f"
    timed "$work/m.$f" "$splitreel" run -i "${!f}" -o "$work/m.mp4" -y -c:v libx264 -preset ultrafast -crf 30 --progress none
done
packets=$(ffprobe -v error -count_packets -show_entries stream=nb_read_packets -of csv=p=0 "$hour" | tr -d ',' | awk '{ s += $1 } END { print s }')
a=$(median "$work/m.minute" 3) b=$(cut -d' ' -f3 "$work/m.hour")
machine
echo "one minute: $a KiB; sixty minutes: $b KiB; $packets packets"
echo "allowed: $(awk "BEGIN { printf \"%d\", $a * 1.1 + $packets * 100 / 1024 }") KiB"
