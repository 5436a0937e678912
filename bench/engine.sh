#!/usr/bin/env bash
# The engine alone, on disk, with full durability, in turn with aws-local-stepfunctions (npm), which is JavaScript, in memory and durable in
# nothing: Pass chains and a 10,000-item Map, medians and ratios of the same run. npm brings the peer into build/bench when there is npm. Needs
# build/bench/engine (make bench-engine does it).
#
#   bench/engine.sh      RUNS (5): how many rounds
source "$(dirname "$0")/lib.sh"
peer=$work/peer file=$work/engine.db
# So that a run does not wait for what the one before has left to be written.
fresh() { rm -f "$file"*; sync -f "$work"; }
trap 'rm -f "$file"*' EXIT

if ! command -v npm node >/dev/null; then
    say 'skipped: aws-local-stepfunctions (there is no npm)'
    peer=
elif [[ ! -d $peer/node_modules/aws-local-stepfunctions ]]; then
    say 'installing aws-local-stepfunctions'
    npm install --silent --no-audit --no-fund --prefix "$peer" aws-local-stepfunctions@3.0.0 >&2 || { say 'skipped: npm cannot install it'; peer=; }
fi

rm -f "$work"/e.*
for ((round = 0; round < runs; round++)); do
    fresh
    "$root/build/bench/engine" "$file" chains chain map >"$work/out"
    # rates: per wall second, per CPU second
    awk -F'|' -v to="$work/e." '/ at once/ { print $6 + 0, $7 + 0 >to "chains" } / after the other/ { print $6 + 0, $7 + 0 >to "chain" } /Map/ { print $6 + 0, $7 + 0 >to "map" }' \
        <"$work/out"
    for what in chains chain map; do cat "$work/e.$what" >>"$work/e.all.$what"; done
    [[ -n $peer ]] || continue
    node "$root/bench/engine_peer.mjs" "$peer" | while read -r what rate; do echo "$rate" >>"$work/e.peer.$what"; done
done
fresh
"$root/build/bench/engine" "$file" starts activities >"$work/out"

# row WHAT GOAL MEASURED LIMIT DETAILS
row() {
    local met=missed
    if awk "BEGIN { exit !($3 >= $4) }"; then met=met; fi
    printf '| %s | %s | %s | %s | %s |\n' "$1" "$2" "$3" "$met" "$5"
}
per_cpu() { echo "$(median "$work/e.all.$1" 2) per CPU second"; }
machine
echo "medians of $runs rounds"
echo
echo '| what | goal | measured | | details |'
echo '|---|---|---|---|---|'
row 'Pass transitions on disk, ten executions at once, per second' '>= 50000' "$(median "$work/e.all.chains" 1)" 50000 "$(per_cpu chains)"
row 'the same, one execution after the other' '>= 50000' "$(median "$work/e.all.chain" 1)" 50000 "$(per_cpu chain)"
if [[ -n $peer ]]; then
    ratio=$(median_ratio "$work/e.all.map" "$work/e.peer.map" 1)
    row 'items of a 10,000-item Map, times the rate of aws-local-stepfunctions' '>= 1' "${ratio%% *}" 1 \
        "${ratio#* }; $(median "$work/e.all.map" 1) against $(median "$work/e.peer.map" 1) per second; $(per_cpu map)"
    printf '| Pass transitions of aws-local-stepfunctions, in memory, per second | | %s | | splitreel, on disk: %s times that |\n' \
        "$(median "$work/e.peer.chain" 1)" "$(median_ratio "$work/e.all.chain" "$work/e.peer.chain" 1)"
else
    printf '| items of a 10,000-item Map, per second | | %s | | aws-local-stepfunctions skipped; %s |\n' "$(median "$work/e.all.map" 1)" "$(per_cpu map)"
fi
awk -F'|' 'NR > 2 { sub(/^ /, "", $2); sub(/ $/, "", $2)
    printf "| %s, engine alone, CPU s for %d | %s | %s | %s | %d per second of wall time |\n", $2, $3, /workers/ ? "< 20" : "", $5 + 0, /workers/ ? ($5 < 20 ? "met" : "missed") : "", $6 }' <"$work/out"
