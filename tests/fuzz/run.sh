#!/bin/bash
# tests/fuzz/run.sh NAME SECONDS [OPTION...] - runs a fuzzer that `make fuzz` has built; OPTIONs are
# libFuzzer's. tests/fuzz/NAME.dict holds words that it may use. New inputs go to build/fuzz/corpus/NAME, findings to build/fuzz/findings/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
name=$1 seconds=$2
shift 2
new=build/fuzz/corpus/$name
words=()
[ ! -f "tests/fuzz/$name.dict" ] || words=("-dict=tests/fuzz/$name.dict")
mkdir -p "$new" build/fuzz/findings
exec "build/fuzz/tests/fuzz/${name}_fuzz" "-max_total_time=$seconds" -timeout=120 \
    -rss_limit_mb=2048 -max_len=32768 "-artifact_prefix=build/fuzz/findings/$name-" \
    -print_final_stats=1 "${words[@]}" "$@" "$new" "tests/fuzz/corpus/$name"
