# shellcheck shell=bash
# bench/store_lib.sh - a Ceph RADOS gateway of the benchmark's own, and keys for all clients. Sourced after lib.sh, not run.

unset AWS_PROFILE AWS_REGION AWS_ENDPOINT_URL AWS_SESSION_TOKEN AWS_CA_BUNDLE SPLITREEL_STORES http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
export AWS_ACCESS_KEY_ID=splitreelaccess AWS_SECRET_ACCESS_KEY=splitreelsecretkey AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/nonexistent/config AWS_SHARED_CREDENTIALS_FILE=/nonexistent/credentials

stop_store() {
    "$root/tests/servers/ceph-rgw.sh" stop "$server" || true
    rm -rf "$server"
}

# start_store NAME GIB: with an empty bucket "bench", for so many GiB at once (a sparse file); gone when the script ends.
start_store() {
    server=$work/rgw-$1
    rm -rf "$server"
    export CEPH_STORE_BYTES=$((($2 + 6) * 1073741824))
    trap stop_store EXIT
    "$root/tests/servers/ceph-rgw.sh" start "$server"
    port=$(cat "$server/port")
    export AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port
    signed_curl -X PUT "$AWS_ENDPOINT_URL_S3/bench"
}

signed_curl() {
    curl -sSf -o /dev/null --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
}

# Ceph keeps what was replaced or removed for two hours; this ends it, so that neither the disk nor the store fills up.
collect_store() { radosgw-admin -c "$server/ceph.conf" gc process --include-all >/dev/null 2>&1; }

# CPU seconds of the gateway and what is behind it, so far.
store_cpu() {
    local name
    for name in rgw osd mon; do cat "/proc/$(cat "$server/$name.pid")/stat"; done |
        awk -v ticks="$(getconf CLK_TCK)" '{ sum += $14 + $15 } END { printf "%.2f", sum / ticks }'
}
