#!/bin/bash
# tests/faults/check-calls.sh BUILD - every function that base/, statemachine/, transcode/ and pipeline/ call
# outside is wrapped by the sweep, or listed in exempt.txt as one that need not be.
set -u
here=$(dirname "${BASH_SOURCE[0]}")
build=${1:?the folder of a build}

archives=("$build"/lib{base,statemachine,transcode,pipeline}.a)
defined=$(nm --defined-only "${archives[@]}" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
called=$(nm --undefined-only "${archives[@]}" 2>/dev/null | awk '$1 == "U" { print $2 }' | sort -u)
patterns=$(sed -E 's/#.*//; /^\s*$/d' "$here/exempt.txt" | tr -s ' \n' '\n' | sed 's/.*/^&$/')
unknown=$(comm -23 <(echo "$called") <(echo "$defined") |
    grep -vxF "$("$here/wrapped.sh")" | grep -vE "$patterns")

if [ -z "$called" ] || [ -n "$unknown" ]; then
    echo 'not ok every call that can fail is part of the failure sweep'
    sed 's/^/neither wrapped nor exempt: /' <<<"$unknown"
    exit 1
fi
echo 'ok every call that can fail is part of the failure sweep'
