#!/bin/bash
# Makes small media files for the tests, one per trap, with Debian 12's ffmpeg 5.1.
#
#   make-fixtures.sh [--jobs N] [--only NAME]... OUTDIR   make what is missing or has a new recipe
#   make-fixtures.sh [--only NAME]... --check OUTDIR      compare with the hashes of MANIFEST.json
#   make-fixtures.sh --list                               names, expected outcomes and what for
#
# The recipes are in recipes-*.sh beside this file, what to expect of each file in MANIFEST.json
# (written by describe-fixtures.sh). The same ffmpeg build makes the same bytes each time.
# Exit status: 0 all there, 1 a fixture failed (named on stderr) or differs, 2 usage.
# shellcheck disable=SC2154  # recipes-*.sh sets what it reads
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FFMPEG=${FFMPEG:-ffmpeg}
FFPROBE=${FFPROBE:-ffprobe}
LC_ALL=C
export LC_ALL

for part in "$here"/recipes-*.sh; do
    # shellcheck source=/dev/null
    . "$part"
done

usage()
{
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

# What a fixture's bytes depend on: its recipe, that of its origin, all helpers, the ffmpeg build.
recipe_hash()
{
    {
        declare -f "make:$1"
        [ "${from_of[$1]}" = - ] || declare -f "make:${from_of[$1]}"
        echo "$helpers_text"
        echo "$ffmpeg_version"
    } | sha256sum | cut -d' ' -f1
}

# Makes one fixture in a folder of its own; it appears under its name complete or not at all.
make_one()
{
    local name=$1 dir=$out/.work/$1 from=${from_of[$1]}
    rm -rf "$dir"
    mkdir -p "$dir/cwd"
    if ! ( cd "$dir/cwd" && exec "$BASH" "$here/make-fixtures.sh" --recipe "$name" \
            "../$name" "$out/$from" ) >"$dir/log" 2>&1 </dev/null; then
        echo "make-fixtures: $name failed:" >&2
        tail -n 20 "$dir/log" | sed 's/^/    /' >&2
        return 1
    fi
    mv "$dir/$name" "$out/$name"
    recipe_hash "$name" >"$out/.recipes/$name"
    rm -rf "$dir"
}

is_made()
{
    [ -f "$out/$1" ] && [ -f "$out/.recipes/$1" ] &&
        [ "$(cat "$out/.recipes/$1")" = "$(recipe_hash "$1")" ]
}

# Makes the named fixtures, $jobs at a time; 1 if any failed.
make_all()
{
    local name running=0 failed=0
    for name; do
        is_made "$name" && continue
        if [ "$running" -ge "$jobs" ]; then
            wait -n || failed=1
            running=$((running - 1))
        fi
        make_one "$name" &
        running=$((running + 1))
    done
    while [ "$running" -gt 0 ]; do
        wait -n || failed=1
        running=$((running - 1))
    done
    return "$failed"
}

# Value of "sha256" in the entry of a file in MANIFEST.json, which has one key a line.
manifest_hash()
{
    awk -v want="\"file\": \"$1\"," '
        index($0, "\"file\":") { found = index($0, want) > 0 }
        found && /"sha256":/ { gsub(/.*"sha256": *"|".*/, ""); print; exit }
    ' "$here/MANIFEST.json"
}

check_all()
{
    local name want have bad=0
    [ -f "$here/MANIFEST.json" ] || { echo "make-fixtures: no MANIFEST.json" >&2; return 1; }
    for name; do
        want=$(manifest_hash "$name")
        have=missing
        [ -f "$out/$name" ] && have=$(sha256sum <"$out/$name" | cut -d' ' -f1)
        [ "$want" = "$have" ] && continue
        echo "make-fixtures: $name: want ${want:-an entry in MANIFEST.json}, have $have" >&2
        bad=1
    done
    return "$bad"
}

list()
{
    local name
    for name in "${names[@]}"; do
        printf '%-26s %-10s %s\n' "$name" "${outcome_of[$name]}" "${trap_of[$name]}"
    done
}

mode=make jobs=$(nproc) only=() out=
while [ $# -gt 0 ]; do
    case $1 in
    --only) [ $# -ge 2 ] || usage; only+=("$2"); shift ;;
    --jobs) [ $# -ge 2 ] || usage; jobs=$2; shift ;;
    --check) mode=check ;;
    --list) list; exit 0 ;;
    --recipe) # internal: one recipe in a shell of its own, so that any failing command ends it
        "make:$2" "$3" "$4"
        [ -f "$3" ]
        exit ;;
    -*) usage ;;
    *) [ -z "$out" ] || usage; out=$1 ;;
    esac
    shift
done
[ -n "$out" ] || usage
[[ $jobs =~ ^[1-9][0-9]*$ ]] || usage

first=() second=()
for name in "${only[@]:-${names[@]}}"; do
    [ -n "${outcome_of[$name]:-}" ] || { echo "make-fixtures: no fixture $name" >&2; exit 2; }
    if [ "${from_of[$name]}" = - ]; then
        first+=("$name")
    else
        [ "$mode" = check ] || first+=("${from_of[$name]}")
        second+=("$name")
    fi
done
# `--only` may name one twice, and an origin besides.
mapfile -t first < <(printf '%s\n' "${first[@]}" | awk 'NF && !seen[$0]++')
mapfile -t second < <(printf '%s\n' "${second[@]}" | awk 'NF && !seen[$0]++')

if [ "$mode" = check ]; then
    check_all "${first[@]}" "${second[@]}"
    exit
fi

mkdir -p "$out/.work" "$out/.recipes"
out=$(cd "$out" && pwd)
exec 9>"$out/.lock"
flock 9  # two builds at once would trip over each other's work
if ! ffmpeg_version=$("$FFMPEG" -version | head -n 1) || ! "$FFPROBE" -version >/dev/null; then
    echo "make-fixtures: cannot run $FFMPEG and $FFPROBE" >&2
    exit 1
fi
helpers_text=$(for helper in "${recipe_helpers[@]}"; do
    declare -f "$helper" || declare -p "$helper"
done)
status=0
make_all "${first[@]}" || status=1
make_all "${second[@]}" || status=1
rmdir "$out/.work" 2>/dev/null || true  # a failed one leaves its folder and log
exit "$status"
