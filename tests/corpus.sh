#!/bin/bash
# tests/corpus.sh DIR - runs each file of a folder of media as its expected.tsv says, for
# `make corpus MEDIA=DIR`. A line is NAME <tab> OUTCOME <tab> FRAMES <tab> NOTE:
#   OUTCOME  transcode, video  exit 0; 1 and 2 workers give the same bytes, as many pictures as FRAMES says,
#                              and `splitreel verify` finds nothing between source and output
#            audio             exit 0; a track of sound and no video
#            error             exit 2, 3 or 7, with a message and without an output
#            damaged           either: it ends, and what it leaves is whole
#   FRAMES   a number, several as a|b, #N (not compared), * (not counted), or empty (whatever comes)
# The last line is `N passed, M failed`.
. tests/lib.sh
media=${1:-}
if [ -z "$media" ] || [ ! -r "$media/expected.tsv" ]; then
    echo 'skipped: name a folder with an expected.tsv: make corpus MEDIA=DIR'
    exit 0
fi
media=$(realpath "$media")
passed=0

# transcode NAME OUTPUT WORKERS
transcode()
{
    (cd "$media/$(dirname -- "$1")" && timeout 600 "$SPLITREEL" run -i "$(basename -- "$1")" -o "$2" -w "$3" --segment 1s \
        -crf 18 --workspace "$2.work" "${fast[@]}") >out.txt 2>err.txt
}

expect_refused()
{
    [ "$1" -eq 2 ] || [ "$1" -eq 3 ] || [ "$1" -eq 7 ] || complain "exit status $1: $(tail -n 1 err.txt)" || return
    [ -s err.txt ] || complain 'says nothing' || return
    is_absent "$2"
}

# compare NAME OUTCOME FRAMES
compare()
{
    transcode "$1" "$work/two.mp4" 2 || complain 'the second run failed' || return
    same one.mp4 two.mp4 || return
    local want=${3#\#} got
    got=$(pictures one.mp4)
    if [ -n "$want" ] && [ "$want" != '*' ]; then
        [[ "|$want|" == *"|$got|"* ]] || complain "$got pictures, want $want" || return
    fi
    [[ $3 != \** && $3 != \#* && $2 = transcode ]] || return 0
    "$SPLITREEL" verify --against "$media/$1" --full one.mp4 >out.txt 2>err.txt || complain "$(tail -n 3 err.txt out.txt)"
}

judge()
{
    local output=$work/one.mp4 got
    rm -rf "$work"/one* "$work"/two*
    [ "$2" != audio ] || output=$work/one.m4a
    transcode "$1" "$output" 1
    got=$?
    [ "$got" -lt 128 ] && [ "$got" -ne 124 ] || complain "ended with status $got" || return
    case $2 in
    error) expect_refused "$got" "$output" ;;
    damaged) [ "$got" -eq 0 ] && is_there "$output" || expect_refused "$got" "$output" ;;
    audio) [ "$got" -eq 0 ] && [ "$(ffprobe -v error -show_entries stream=codec_type -of csv=p=0 "$output" | sort -u)" = audio ] ||
        complain "exit status $got: $(tail -n 1 err.txt)" ;;
    transcode | video)
        [ "$got" -eq 0 ] || complain "exit status $got: $(tail -n 1 err.txt)" || return
        compare "$1" "$2" "$3" ;;
    *) complain "an outcome of $2" ;;
    esac
}

while IFS= read -r line; do
    [[ -n $line && $line != \#* ]] || continue
    name=$(cut -f1 <<<"$line") outcome=$(cut -f2 <<<"$line") frames=$(cut -f3 <<<"$line")
    if [ -n "${ONLY:-}" ] && [[ $name != $ONLY ]]; then continue; fi
    before=$failures
    try "$name" judge "$name" "$outcome" "$frames"
    [ "$failures" -ne "$before" ] || passed=$((passed + 1))
done <"$media/expected.tsv"
echo "$passed passed, $failures failed"
finish
