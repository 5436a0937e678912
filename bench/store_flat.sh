#!/usr/bin/env bash
# bench/store_flat.sh - memory of `splitreel cp` and `cat` for 1 GiB and for GIB (20): to Ceph's RADOS gateway from a sparse file and from
# a pipe, and back. Fails when the large object takes over 64 MiB, or 10 % and 4 MiB more than the small one, or comes back changed.
source "$(dirname "$0")/lib.sh"
gib=${GIB:-20}
free_kib=$(df --output=avail -k "$work" | tail -1)
if ((free_kib < (gib * 2 + 6) * 1048576)); then
    say "$gib GiB twice do not fit: $((free_kib / 1048576)) GiB are free; GIB= says another size"
    exit 1
fi
export CEPH_STORE_BYTES=$(((gib * 2 + 8) * 1073741824))
port=${PORT:-27640}
server=$work/rgw-flat
stop() { "$root/tests/servers/ceph-rgw.sh" stop "$server" || true; rm -rf "$server" "$work"/flat.*; }
rm -rf "$server"
trap stop EXIT
"$root/tests/servers/ceph-rgw.sh" start "$server" "$port"
export AWS_ACCESS_KEY_ID=splitreelaccess AWS_SECRET_ACCESS_KEY=splitreelsecretkey AWS_EC2_METADATA_DISABLED=true
export AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port AWS_CONFIG_FILE=/nonexistent/config AWS_SHARED_CREDENTIALS_FILE=/nonexistent/credentials
unset AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_SESSION_TOKEN AWS_CA_BUNDLE SPLITREEL_STORES http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
curl -sSf -o /dev/null --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -X PUT "$AWS_ENDPOINT_URL_S3/flat"

# peak NAME COMMAND...: runs it, notes its peak KiB; standard input and output are the caller's.
peak() {
    local name=$1
    shift
    command time -q -o "$work/flat.$name" -f '%M' "$@"
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
    if ((large > 65536)); then
        say "$what: over 64 MiB"
        failed=1
    fi
}

for size in 1 "$gib"; do
    say "$size GiB"
    truncate -s 0 "$work/flat.source" && truncate -s "${size}G" "$work/flat.source"
    printf 'the beginning' | dd of="$work/flat.source" conv=notrunc status=none
    printf 'the end' | dd of="$work/flat.source" conv=notrunc status=none oflag=append
    peak "up.$size" "$splitreel" cp -y -q "$work/flat.source" s3://flat/object
    peak "down.$size" "$splitreel" cat s3://flat/object | cmp - "$work/flat.source"
    peak "pipe.$size" "$splitreel" cp -y -q - s3://flat/piped <"$work/flat.source"
    peak "again.$size" "$splitreel" cat s3://flat/piped | cmp - "$work/flat.source"
done
machine
for what in up down pipe again; do check "$what"; done
exit "$failed"
