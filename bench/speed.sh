#!/usr/bin/env bash
# bench/speed.sh [SOURCE] - wall and CPU time against plain ffmpeg making the same output, interleaved, median of RUNS (5).
source "$(dirname "$0")/lib.sh"
preset=${PRESET:-medium}
source=${1:-$(make_source source-1080p 1920 1080 "${SECONDS_LONG:-180}")}
one_key=$work/one-key.mp4  # cannot be split: one key picture

if [[ ! -s $one_key ]]; then
    ffmpeg -nostdin -v error -y -i "$source" -t 30 -c:v libx264 -preset ultrafast -crf 18 -g 100000 -keyint_min 100000 -sc_threshold 0 \
        -c:a copy -f mp4 "$one_key.part" && mv "$one_key.part" "$one_key"
fi

encode=(-c:v libx264 -preset "$preset" -crf 23 -c:a aac -b:a 128k)
rm -rf "$work"/t.* "$work"/floor.*
for ((i = 1; i <= runs; i++)); do
    say "round $i of $runs"
    timed "$work/t.ffmpeg" ffmpeg -nostdin -v error -y -i "$source" "${encode[@]}" "$work/a.mp4"
    timed "$work/t.splitreel" "$splitreel" run -i "$source" -o "$work/b.mp4" -y "${encode[@]}" --progress none
    timed "$work/t.key.ffmpeg" ffmpeg -nostdin -v error -y -i "$one_key" "${encode[@]}" "$work/a.mp4"
    timed "$work/t.key.splitreel" "$splitreel" run -i "$one_key" -o "$work/b.mp4" -y "${encode[@]}" --progress none
done

# The floor of CPU time: one thread, and the other core as busy as it is for everybody above. CPU seconds are steady, so once is enough.
say "the floor: two ffmpeg -threads 1 at once"
floor() { local work=$work/floor.$1; mkdir -p "$work" && timed "$work/t" ffmpeg -nostdin -v error -y -threads 1 -i "$source" "${encode[@]}" -threads 1 "$work/c.mp4"; }
floor 1 &
floor 2
wait $!
cat "$work"/floor.?/t >"$work/t.one"

machine
printf '| %-42s | %9s | %9s | %9s |\n' "1080p, x264 $preset, CRF 23" 'wall s' 'CPU s' 'peak MB'
printf '|---|---|---|---|\n'
for row in "ffmpeg:ffmpeg, default threads" "one:ffmpeg -threads 1, two at once" "splitreel:splitreel" "key.ffmpeg:one key picture: ffmpeg" \
    "key.splitreel:one key picture: splitreel"; do
    f=$work/t.${row%%:*}
    printf '| %-42s | %9s | %9s | %9.0f |\n' "${row#*:}" "$(median "$f" 1)" "$(median "$f" 2)" "$(($(median "$f" 3 | cut -d. -f1) / 1024))"
done
echo
echo "ffmpeg / splitreel, wall:                 $(median_ratio "$work/t.ffmpeg" "$work/t.splitreel" 1)   (goal: at least 1.15)"
ratio() { awk "BEGIN { printf \"%.3f\", $1 / $2 }"; }
cpu=$(median "$work/t.splitreel" 2) floor=$(median "$work/t.one" 2)
echo "splitreel / ffmpeg -threads 1, CPU:       $(ratio "$cpu" "$floor")   (goal: at most 1.02)"
echo "what two cores allow, ffmpeg wall / (floor / 2): $(ratio "$(median "$work/t.ffmpeg" 1)" "$(ratio "$floor" 2)")"
echo "cannot be split: ffmpeg / splitreel, wall: $(median_ratio "$work/t.key.ffmpeg" "$work/t.key.splitreel" 1)   (goal: at least 1.00)"
