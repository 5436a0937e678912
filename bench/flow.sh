#!/usr/bin/env bash
# bench/flow.sh OLD - what the engine costs: `run` against an older build OLD, whose threads took segments from a pool, without a flow.
# One job of many segments (its CPU and wall time), one job of one segment (wall time).
source "$(dirname "$0")/lib.sh"
old=${1:?another splitreel to compare with}
long=$(make_source flow-long 640 360 60)
short=$(make_source flow-short 320 180 2)

# both NAME FILE OPTION...: in turn, `runs` times.
both() {
    local name=$1 file=$2 i
    shift 2
    rm -f "$work/$name.old" "$work/$name.new"
    for ((i = 0; i < runs; i++)); do
        timed "$work/$name.old" "$old" run "$file" -o "$work/flow.mp4" -y "$@"
        timed "$work/$name.new" "$splitreel" run "$file" -o "$work/flow.mp4" -y "$@"
    done
}

both many "$long" --segment 2s -preset ultrafast
both one "$short" -preset ultrafast
machine
printf '| %-42s | %28s |\n|---|---|\n' 'new / old, medians of pairs' ''
printf '| %-42s | %28s |\n' 'many segments: CPU' "$(median_ratio "$work/many.new" "$work/many.old" 2)" \
    'many segments: wall (goal: < 1.02)' "$(median_ratio "$work/many.new" "$work/many.old" 1)" \
    'many segments: peak memory' "$(median_ratio "$work/many.new" "$work/many.old" 3)"
paste -d' ' <(cut -d' ' -f1 "$work/one.new") <(cut -d' ' -f1 "$work/one.old") | awk '{ print $1 - $2 }' >"$work/one.net"
printf 'one segment: %s s more (goal: < 0.15)\n' "$(median "$work/one.net" 1)"
