#!/bin/bash
# tests/faults/wrapped.sh - prints the names that wraps.c wraps.
exec sed -nE 's/^WRAP(_AFTER)?\([^,]*, (\w+),.*/\2/p; s/^WRAP_BELOW\((\w+)\).*/\1/p' \
    "$(dirname "${BASH_SOURCE[0]}")/wraps.c"
