#!/bin/bash
# tools/demo.sh - transcodes a film of numbered test pictures, 60 s of 25 frames/s with AAC, in
# parallel and shows what came of it. `./setup demo` installs and builds what it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

in=build/fixtures/main-60s.mp4
out=build/demo/main-60s.mp4
media-fixtures/make-fixtures.sh --only "${in##*/}" "${in%/*}"
mkdir -p "${out%/*}"

echo "\$ build/splitreel run $in -o $out"
build/splitreel run "$in" -o "$out" -y --progress plain
echo "output: $PWD/$out"
echo "report: $PWD/${out%.mp4}.report.json"
