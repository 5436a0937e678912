#!/usr/bin/env bash
# bench/store_flat.sh - memory of `splitreel cp` and `cat` for 1 GiB and for GIB (20): to Ceph's RADOS gateway from a sparse file and from
# a pipe, and back. Fails when the large object takes over 64 MB, or 10 % and 4 MiB more than the small one, or comes back changed.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/store_lib.sh"
gib=${GIB:-20}
free_kib=$(df --output=avail -k "$work" | tail -1)
if ((free_kib < (gib + 9) * 1048576)); then
    say "$gib GiB do not fit: $((free_kib / 1048576)) GiB are free; GIB= says another size"
    exit 1
fi
start_store flat $((gib + 2))
trap 'stop_store; rm -f "$work"/flat.*' EXIT

# peak NAME COMMAND...: runs it, notes its peak KiB; standard input and output are the caller's.
peak() {
    local name=$1
    shift
    command time -q -o "$work/flat.$name" -f '%M' "$@"
}

# remove KEY: its room is free again.
remove() {
    signed_curl -X DELETE "$AWS_ENDPOINT_URL_S3/bench/$1"
    collect_store
}

failed=0
check() {
    local what=$1 small large
    small=$(cat "$work/flat.$what.1") large=$(cat "$work/flat.$what.$gib")
    printf '%-12s %8s KiB for 1 GiB, %8s KiB for %s GiB\n' "$what" "$small" "$large" "$gib"
    if ((large > small * 11 / 10 + 4096)); then
        say "$what: memory is not flat"
        failed=1
    fi
    if ((large > 62500)); then
        say "$what: over 64 MB"
        failed=1
    fi
}

for size in 1 "$gib"; do
    say "$size GiB"
    truncate -s 0 "$work/flat.source" && truncate -s "${size}G" "$work/flat.source"
    printf 'the beginning' | dd of="$work/flat.source" conv=notrunc status=none
    printf 'the end' | dd of="$work/flat.source" conv=notrunc status=none oflag=append
    peak "up.$size" "$splitreel" cp -y -q "$work/flat.source" s3://bench/object
    peak "down.$size" "$splitreel" cat s3://bench/object | cmp - "$work/flat.source"
    remove object
    peak "pipe.$size" "$splitreel" cp -y -q - s3://bench/piped <"$work/flat.source"
    peak "again.$size" "$splitreel" cat s3://bench/piped | cmp - "$work/flat.source"
    remove piped
done
machine
for what in up down pipe again; do check "$what"; done
exit "$failed"
