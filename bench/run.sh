#!/usr/bin/env bash
# bench/run.sh - every benchmark, one after the other; `make bench` calls it. bench/README.md says how to read what it prints.
set -euo pipefail
here=$(dirname "$0")
for part in plan size speed memory; do
    echo "## $part"
    "$here/$part.sh"
    echo
done
