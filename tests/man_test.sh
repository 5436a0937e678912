#!/bin/bash
# The man pages as tools/make-man.sh makes them: mandoc finds no error in them, and they name every verb
# and option of the program, every member of the manifest, and every exit status.
root=$PWD
. tests/lib.sh
export LC_ALL=C.UTF-8
if ! (cd "$root" && tools/make-man.sh "$SPLITREEL" "$work/man") >"$work/made.txt" 2>&1; then
    cat "$work/made.txt"
    echo 'not ok man: pages are made'
    exit 1
fi
plain() { mandoc -T utf8 "$1" | col -b | tr -s ' \n' '  '; }
verbs() { "$SPLITREEL" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'; }
options() { "$SPLITREEL" "$@" --help | sed -n 's/^  \(-[^ ]*\(, -[^ ]*\)*\).*/\1/p' | tr -d ' ' | tr ',' '\n' | grep .; }
names() { grep -qF -- " $1" "$2" || complain "not named: $1"; }

well_formed()
{
    mandoc -T lint -W error "man/$1" || complain 'mandoc finds errors'
}
# Each verb's options in its own part of the page.
verbs_and_options()
{
    local verb option
    mandoc -T utf8 man/splitreel.1 | col -b >page.txt
    [ "$(verbs | wc -l)" -ge 15 ] || complain 'verbs are missing' || return
    for verb in $(verbs); do
        sed -n "/^   $verb\$/,/^   [a-z]/p" page.txt | tr -s ' \n' '  ' >part.txt
        [ -s part.txt ] || complain "no part for $verb" || return
        for option in $(options "$verb"); do names "$option" part.txt || { complain "of $verb"; return 1; }; done
    done
    for verb in validate run history; do
        sed -n "/^   sm $verb\$/,/^   [a-z]/p" page.txt | tr -s ' \n' '  ' >part.txt
        for option in $(options sm "$verb"); do names "$option" part.txt || { complain "of sm $verb"; return 1; }; done
    done
    ! grep -q '^   child' page.txt || complain 'child is for no people'
}
exit_statuses()
{
    local status
    mandoc -T utf8 man/splitreel.1 | col -b | sed -n '/^EXIT STATUS/,/^ENVIRONMENT/p' >part.txt
    for status in 0 1 2 3 4 5 6 7 '130, 143'; do grep -qE "^ +$status( |\$)" part.txt || complain "not named: $status" || return; done
}
members()
{
    local member
    plain man/splitreel-manifest.5 >page.txt
    for member in $(jq -r '.. | .properties? // empty | keys[]' "$root/pipeline/manifest.schema.json" | sort -u); do
        grep -qE "(^|[^a-z_])$member([^a-z_]|\$)" page.txt || complain "not named: $member" || return
    done
}
if ! command -v mandoc >/dev/null; then
    echo 'skip man: pages (mandoc is not installed)'
    exit 0
fi
try 'man: splitreel(1) is well-formed' well_formed splitreel.1
try 'man: every verb with every option' verbs_and_options
try 'man: exit statuses' exit_statuses
if [ -e "$work/man/splitreel-manifest.5" ]; then
    try 'man: splitreel-manifest(5) is well-formed' well_formed splitreel-manifest.5
    try 'man: every member of the manifest' members
else
    echo 'skip man: splitreel-manifest(5) (lowdown is not installed)'
fi
finish
