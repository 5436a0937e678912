#!/bin/bash
# tests/corpus.sh DIR - runs each file of a folder of media as its expected.tsv says, for
# `make corpus MEDIA=DIR`. A line is NAME <tab> OUTCOME <tab> FRAMES <tab> NOTE:
#   OUTCOME  transcode, video  exit 0; 1 and 2 workers give the same bytes, as many pictures as FRAMES says,
#                              and `splitreel verify` finds nothing between source and output
#            audio             exit 0; a track of sound and no video
#            error             exit 2, 3 or 7, with a message and without an output
#            damaged           either: it ends, and what it leaves is whole
#   FRAMES   a number, several as a|b, #N (not compared), * (not counted), or empty (whatever comes)
# With STORE=1 every file that is transcoded is also read from a bucket of a Ceph of its own and its output
# written there, through no file here: the same bytes. The last line is `N passed, M failed`.
. tests/lib.sh
root=$PWD
media=${1:-}
if [ -z "$media" ] || [ ! -r "$media/expected.tsv" ]; then
    echo 'skipped: name a folder with an expected.tsv: make corpus MEDIA=DIR'
    exit 0
fi
media=$(realpath "$media")
passed=0

# A Ceph with a bucket.
open_store()
{
    unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CA_BUNDLE SPLITREEL_STORES http_proxy https_proxy
    "$root/tests/servers/ceph-rgw.sh" start "$work/server" >"$work/server.log" 2>&1 || {
        tail -n 5 "$work/server.log"
        echo 'no store: its packages are not installed, or it does not start (docs/storage.md)'
        exit 1
    }
    trap '"$root/tests/servers/ceph-rgw.sh" stop "$work/server"; rm -rf -- "$work"' EXIT
    export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/nowhere AWS_SHARED_CREDENTIALS_FILE=/nowhere AWS_REGION=us-east-1 \
        AWS_ACCESS_KEY_ID=splitreelaccess AWS_SECRET_ACCESS_KEY=splitreelsecretkey
    AWS_ENDPOINT_URL_S3=http://127.0.0.1:$(cat "$work/server/port")
    export AWS_ENDPOINT_URL_S3
    curl -sSf -o /dev/null --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -X PUT -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$AWS_ENDPOINT_URL_S3/bucket" || exit 1
}
[ -z "${STORE:-}" ] || open_store

# in_store NAME LOCAL ENDING: from the bucket to the bucket gives LOCAL's bytes.
in_store()
{
    local from=s3://bucket/in/$1 to="s3://bucket/out/$1.$3" left
    "$SPLITREEL" cp -y --quiet "$media/$1" "$from" >out.txt 2>err.txt || complain "$(tail -n 1 err.txt)" || return
    timeout 600 "$SPLITREEL" run -i "$from" -o "$to" -w 2 --segment 1s -crf 18 --workspace "$work/store.work" "${fast[@]}" \
        >out.txt 2>err.txt || complain "from and to a store: exit status $?: $(tail -n 1 err.txt)" || return
    "$SPLITREEL" cat "$to" | cmp - "$2" || complain 'the store has other bytes' || return
    left=$("$SPLITREEL" gc s3://bucket --older 0 --dry-run --json) && [ -z "$left" ] || complain "an upload is open: $left"
}

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
    [ -z "${STORE:-}" ] || in_store "$1" one.mp4 mp4 || return
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
        complain "exit status $got: $(tail -n 1 err.txt)" || return
        [ -z "${STORE:-}" ] || in_store "$1" "$output" m4a ;;
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
