#!/bin/bash
# tools/demo.sh - transcodes a film of numbered test pictures, 60 s of 25 frames/s with AAC, in
# parallel and shows what came of it. `./setup demo` installs and builds what it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

in=build/fixtures/main-60s.mp4
out=build/demo/main-60s.mp4
report=${out%.mp4}.report.json
media-fixtures/make-fixtures.sh --only "${in##*/}" "${in%/*}"
mkdir -p "${out%/*}"

echo "\$ build/splitreel run $in -o $out -y"
build/splitreel run "$in" -o "$out" -y --progress plain

# The report has one key a line.
awk '
    { gsub(/[",]/, "") }
    $1 == "verdict:" { verdicts++; passed += $2 == "PASS"; if (verdicts == 1) whole = $2 }
    $1 == "expected:" { segments++ }
    $1 == "last_before_us:" { seams++ }
    $1 == "in_source:" { packets = $2 }
    $1 == "frames_seen:" { frames = $2 }
    $1 == "samples_seen:" { samples = $2 }
    END {
        print "verdict: " whole ", " passed " of " verdicts " checks"
        print "segments: " segments ", seams: " seams
        print "video: " packets " packets in, " frames " frames out; audio: " samples " samples"
    }' "$report"
echo "output: $PWD/$out"
echo "report: $PWD/$report"
