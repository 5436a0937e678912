#!/bin/bash
# tools/docs-help.sh SPLITREEL FOLDER - writes docs/commands/*.md into FOLDER with what the program says
# now behind each `$ splitreel VERB --help`.
set -euo pipefail
program=$(realpath "${1:?the program}")
folder=$(mkdir -p "${2:?the folder}" && realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for page in docs/commands/*.md; do
    awk -v program="$program" '
    /^\$ splitreel( [a-z]+)+ --help$/ {
        print
        command = "\"" program "\"" substr($0, length("$ splitreel") + 1)
        while ((command | getline line) > 0) print line
        if (close(command)) { print FILENAME ": " $0 " failed" >"/dev/stderr"; failed = 1; exit }
        old = 1
        next
    }
    /^```$/ { old = 0 }
    !old
    END { exit failed }' "$page" >"$folder/${page##*/}.part"
    mv "$folder/${page##*/}.part" "$folder/${page##*/}"
done
