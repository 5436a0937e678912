# shellcheck shell=bash
# tests/lib.sh - what the scenario scripts share: read by them, not run.
#
# SPLITREEL is the binary, FIXTURES the folder of media. Each scenario works in a folder of its own,
# $work, removed at its end. A test is a function whose name is the test's: `try NAME function ...`.
set -u
SPLITREEL=${SPLITREEL:-$PWD/build/splitreel}
FIXTURES=$(realpath "${FIXTURES:-build/fixtures}")
export SPLITREEL FIXTURES
work=$(mktemp -d /tmp/splitreel-scenario-XXXXXX)
trap 'rm -rf -- "$work"' EXIT
failures=0

fast=(-preset ultrafast --progress none)

# needs TEST TOOL...: skips the whole script when one is not there.
needs()
{
    local name=$1 tool
    shift
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "skip $name: $tool is not there"; exit 0; }
    done
}

# What a test says before it fails.
complain() { printf '  %s\n' "$*"; return 1; }

# What the scripts in tests/servers start ends with this one, however that ends.
export SERVER_ENDS_WITH=$$
# tied COMMAND... &: the same of a process of our own; $! is the command's.
tied() { exec setpriv --pdeathsig KILL -- "$@"; }

# try NAME COMMAND...: runs it in $work in a shell of its own and prints the verdict.
try()
{
    local name=$1 said
    shift
    if said=$(cd "$work" && "$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name"
        printf '%s\n' "$said" | tail -n 20
        failures=$((failures + 1))
    fi
}

# status WANT COMMAND...: runs it, keeps stdout and stderr in out.txt and err.txt, compares the status.
status()
{
    local want=$1 got
    shift
    "$@" >out.txt 2>err.txt
    got=$?
    [ "$got" -eq "$want" ] || { tail -n 8 err.txt; complain "exit status $got, want $want: $*"; }
}

says() { grep -qF -- "$1" "${2:-err.txt}" || { cat "${2:-err.txt}"; complain "does not say: $1"; }; }
is_absent() { [ ! -e "$1" ] || complain "$1 is there"; }
is_there() { [ -s "$1" ] || complain "$1 is not there"; }
same() { cmp -- "$1" "$2" || complain "$1 and $2 differ"; }
# await COMMAND...: until it succeeds, two minutes at the most.
await()
{
    local end=$((SECONDS + 120))
    while [ $SECONDS -lt $end ]; do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    tail -n 5 ./*.log log.txt 2>/dev/null
    complain "never: $*"
}
# Nothing half-made beside what was asked for.
is_clean() { [ -z "$(find . -name '*.part' -o -name '.splitreel*')" ] || { find .; complain 'left something'; }; }

# pictures FILE [OPTION...]: how many a stock decoder sees.
pictures()
{
    local file=$1
    shift
    ffprobe -v error "$@" -select_streams v:0 -count_frames -show_entries stream=nb_read_frames -of csv=p=0 \
        -- "$file" | grep -oE '^[0-9]+' | head -n 1
}

finish()
{
    [ "$failures" -eq 0 ]
    exit
}
