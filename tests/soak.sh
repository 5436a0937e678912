#!/bin/bash
# tests/soak.sh - the long form of the property tests, for `make soak SEED= MINUTES=`: 20 kills of one
# job, then random fixtures, segment lengths, modes, workers and moments of kill -9, each compared with
# an undisturbed run of one worker, until the time is over. A failure prints the seed that repeats it.
. tests/lib.sh
SEED=${SEED:-$(date +%s)} MINUTES=${MINUTES:-30}
end=$((SECONDS + 60 * MINUTES))
sources=(closed-gop.mp4 open-gop.ts open-gop-hevc.mp4 b-pyramid.mkv gop-kind-changes.mp4 vfr.mp4 vfr.mkv ntsc.mkv edit-list.mp4
    empty-edit.mp4 late-audio.mp4 early-audio.ts ts-gap.ts ts-restart.ts pts-wrap.ts no-pts.avi interlaced-bff.ts vp8.webm
    vp9-altref.webm mpeg2.ts bitflip.ts bitflip.mp4 ts-lost.ts truncated.mp4 two-audio.mkv audio-gap.ts)
lengths=(0.5s 0.7s 1s 1.3s 2s 3s 10s)

echo "soak: SEED=$SEED MINUTES=$MINUTES"

# disturbed MICROSECONDS WORD...: a run that is killed when they have passed.
disturbed()
{
    local pid wait_us=$1
    shift
    "$SPLITREEL" run "$@" 2>/dev/null &
    pid=$!
    local start=${EPOCHREALTIME/[.,]/}
    while kill -0 "$pid" 2>/dev/null && [ $((${EPOCHREALTIME/[.,]/} - start)) -lt "$wait_us" ]; do :; done
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

one_round()
{
    RANDOM=$1
    local source=${sources[RANDOM % ${#sources[@]}]} length=${lengths[RANDOM % ${#lengths[@]}]}
    local mode=keyframe workers=$((1 + RANDOM % 7)) order=$((1 + RANDOM)) kills=$((RANDOM % 4)) took start i
    [ $((RANDOM % 2)) -eq 0 ] || mode=grid
    local job=("$FIXTURES/$source" --segment-mode "$mode" --segment "$length" "${fast[@]}")
    echo "$source, $mode, $length, $workers workers, order $order, $kills kills"
    start=${EPOCHREALTIME/[.,]/}
    "$SPLITREEL" run "${job[@]}" -o one.mp4 -w 1 || return
    took=$((${EPOCHREALTIME/[.,]/} - start))
    for ((i = 0; i < kills; i++)); do
        disturbed $((took / 1000 * (RANDOM % 1000))) "${job[@]}" -o two.mp4 -w "$workers" --shuffle "$order"
        [ ! -e two.mp4 ] || break
        is_absent two.report.json || return
    done
    [ -e two.mp4 ] || "$SPLITREEL" run "${job[@]}" -o two.mp4 -w "$workers" --shuffle "$order" || return
    same one.mp4 two.mp4 && rm -rf one.* two.* .splitreel
}

SEED=$SEED KILLS=20 tests/same_bytes_test.sh || { echo "soak: failed: SEED=$SEED make soak"; exit 1; }
rounds=0
seed=$SEED
while [ "$SECONDS" -lt "$end" ]; do
    try "soak: round $rounds, seed $seed" one_round "$seed"
    [ "$failures" -eq 0 ] || { echo "soak: failed: SEED=$seed make soak MINUTES=1 repeats it in its first round"; exit 1; }
    rounds=$((rounds + 1)) seed=$((seed + 1))
done
echo "soak: $rounds rounds, none failed"
