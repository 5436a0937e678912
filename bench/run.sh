#!/usr/bin/env bash
# bench/run.sh - every benchmark, one after the other; `make bench` calls it. bench/README.md says how to read what it prints.
set -euo pipefail
here=$(dirname "$0")
parts=(plan size speed memory engine service)
if command -v radosgw >/dev/null; then parts+=(store store_job store_join); fi
for part in "${parts[@]}"; do
    echo "## $part"
    "$here/$part.sh"
    echo
done
