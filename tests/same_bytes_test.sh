#!/bin/bash
# Spec: P2, same bytes: for 1, 2, 4 and 7 workers, in any order, after kill -9 at random moments and
# resume, with and without the processor's extensions; and P3, nothing finished is encoded again.
#
# SEED: of the random moments (1). KILLS: how many (3).
. tests/lib.sh
SEED=${SEED:-1} KILLS=${KILLS:-3}
RANDOM=$SEED
in=$FIXTURES/closed-gop.mp4
job=(--segment-mode grid --segment 1s "${fast[@]}")

make_reference()
{
    "$SPLITREEL" run "$in" -o one.mp4 "${job[@]}" -w 1 && is_there one.mp4 && is_clean
}

with_workers()
{
    "$SPLITREEL" run "$in" -o "w$1.mp4" "${job[@]}" -w "$1" && same one.mp4 "w$1.mp4"
}

shuffled()
{
    "$SPLITREEL" run "$in" -o "s$1.mp4" "${job[@]}" -w 3 --shuffle "$1" && same one.mp4 "s$1.mp4"
}

# With few segments an encoder has several threads, but not where x264's result depends on how far each is.
with_a_maxrate()
{
    ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=1920x1080:r=25:d=3,noise=alls=12:allf=t+u -c:v libx264 -preset ultrafast -crf 18 \
        large.mp4 || return
    for i in 1 2 3; do
        "$SPLITREEL" run large.mp4 -o "m$i.mp4" "${fast[@]}" --segment-mode off -crf 23 -maxrate 4M -bufsize 8M || return
    done
    same m1.mp4 m2.mp4 && same m1.mp4 m3.mp4
}

# Half of the finished results are lost: what is made again, and its order, are others.
from_half_of_its_results()
{
    "$SPLITREEL" run "$in" -o half.mp4 "${job[@]}" -w 2 --keep --workspace half || return
    rm half.mp4 half.report.json
    local document n=0
    for document in half/*.json; do
        [ "${#document}" -gt 40 ] || continue
        n=$((n + 1))
        [ $((RANDOM % 2)) -eq 0 ] || rm "$document" "${document%.json}.m4s"
    done
    [ "$n" -ge 11 ] || complain "only $n results" || return
    "$SPLITREEL" run "$in" -o half.mp4 "${job[@]}" -w 2 --workspace half && same one.mp4 half.mp4
}

# results FOLDER: each finished result, by inode and time of change.
results() { (cd "$1" 2>/dev/null && for f in ????????????????????????????????????????????????????????????????.json; do
    [ -e "$f" ] && stat -c '%n %i %Y %Z' "$f" "${f%.json}.m4s"; done) | sort; }

# killed N: kill -9 after a number of finished results that chance decides, or a moment later; then
# the same command again.
killed()
{
    local folder=kill$1 target=$((RANDOM % 9)) spin=$((RANDOM % 2000)) pid i
    "$SPLITREEL" run "$in" -o "k$1.mp4" "${job[@]}" -w 2 --workspace "$folder" 2>/dev/null &
    pid=$!
    # Waits for the condition, not for a time.
    while kill -0 "$pid" 2>/dev/null; do
        set -- "$1" "$folder"/*.m4s
        [ $(($# - 1)) -le "$target" ] || break
    done
    for ((i = 0; i < spin; i++)); do :; done
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    results "$folder" >before.txt
    if [ -e "k$1.mp4" ]; then
        same one.mp4 "k$1.mp4"
        return
    fi
    "$SPLITREEL" run "$in" -o "k$1.mp4" "${job[@]}" -w 2 --workspace "$folder" --keep || return
    same one.mp4 "k$1.mp4" || return
    results "$folder" >after.txt
    [ -z "$(comm -23 before.txt after.txt)" ] || complain "seed $SEED: made again: $(comm -23 before.txt after.txt)" ||
        return
    rm -rf "$folder"
    is_clean
}

by_pipe()
{
    "$SPLITREEL" run "$in" -o - "${job[@]}" -w 1 >p1.mp4 && "$SPLITREEL" run "$in" -o - "${job[@]}" -w 4 | cat >p4.mp4 &&
        same p1.mp4 p4.mp4 && [ "$(pictures p1.mp4)" = 250 ] || complain "$(pictures p1.mp4) pictures"
}

make_ladder()
{
    sed "s|IN|$FIXTURES/open-gop.ts|" >ladder.json <<'JSON'
{"version": 1, "input": "IN", "output": "x",
 "segments": {"mode": "grid", "target": "2s"},
 "renditions": [
   {"id": "big", "codec": "h264", "height": 180, "preset": "ultrafast"},
   {"id": "small", "codec": "h264", "height": 90, "preset": "ultrafast"},
   {"id": "aac", "codec": "aac"}],
 "outputs": [{"type": "hls", "path": ".", "use": ["big", "small", "aac"], "segment": "2s"}]}
JSON
}

as_hls_ladder()
{
    local w
    make_ladder
    for w in 1 4; do
        "$SPLITREEL" run --manifest ladder.json -o "h$w/" -w "$w" --shuffle "$w" --progress none || return
    done
    diff -r --exclude=report.json h1 h4 || return
    [ "$(find h1 -name '*.m4s' | wc -l)" -ge 12 ] || complain 'too few media segments'
}

# Scaled, so that filters work too.
without_extensions()
{
    local scaled=(-s 160x90 --segment-mode grid --segment 2s "${fast[@]}")
    "$SPLITREEL" run "$in" -o cpu.mp4 "${scaled[@]}" &&
        "$SPLITREEL" run "$in" -o cpu0.mp4 "${scaled[@]}" -cpuflags 0 && same cpu.mp4 cpu0.mp4
}

try 'same bytes: reference' make_reference
for w in 2 4 7; do try "same bytes: $w workers" with_workers "$w"; done
for s in 3 11; do try "same bytes: shuffled by $s" shuffled "$s"; done
try 'same bytes: with a maxrate' with_a_maxrate
try 'same bytes: from half of its results' from_half_of_its_results
for ((k = 1; k <= KILLS; k++)); do try "same bytes: kill -9 number $k, seed $SEED" killed "$k"; done
try 'same bytes: standard output' by_pipe
try 'same bytes: HLS' as_hls_ladder
try 'same bytes: -cpuflags 0' without_extensions
finish
