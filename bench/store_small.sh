#!/usr/bin/env bash
# bench/store_small.sh - many small objects from Ceph's RADOS gateway on loopback: `splitreel cp -r` of OBJECTS (500) of 16 KiB against what Debian
# has for it (aws-cli, rclone, s3cmd) and, as BEFORE, another splitreel, in turn. What came is compared. RUNS (5).
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/store_lib.sh"
objects=${OBJECTS:-500}
start_store small 1

export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_R_TYPE=s3 RCLONE_CONFIG_R_PROVIDER=Ceph RCLONE_CONFIG_R_ENDPOINT=$AWS_ENDPOINT_URL_S3
export RCLONE_CONFIG_R_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID RCLONE_CONFIG_R_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
tools=(splitreel)
[[ -z ${BEFORE:-} ]] || tools+=(before)
for tool in aws rclone s3cmd; do
    if [[ -x /usr/bin/$tool ]]; then tools+=("$tool"); else say "$tool is not installed: left out"; fi
done
small=$work/small down=$work/small-down
rm -rf "$small" "$work"/small.*
mkdir -p "$small"
for ((i = 0; i < objects; i++)); do head -c 16384 /dev/urandom >"$small/$i"; done
"$splitreel" cp -r -q "$small/" s3://bench/small/

fetch() {
    case $1 in
    splitreel) timed "$work/small.$1" "$splitreel" cp -r -q s3://bench/small/ "$down" ;;
    before) timed "$work/small.$1" "$BEFORE" cp -r -q s3://bench/small/ "$down" ;;
    aws) timed "$work/small.$1" /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL_S3" s3 cp --only-show-errors --recursive s3://bench/small/ "$down" ;;
    rclone) timed "$work/small.$1" rclone copy R:bench/small "$down" ;;
    s3cmd)
        mkdir -p "$down"
        timed "$work/small.$1" s3cmd --config=/dev/null --access_key="$AWS_ACCESS_KEY_ID" --secret_key="$AWS_SECRET_ACCESS_KEY" --no-ssl \
            --no-progress --host="127.0.0.1:$port" "--host-bucket=127.0.0.1:$port/%(bucket)" get --recursive s3://bench/small/ "$down/"
        ;;
    esac
}

for ((round = 0; round < runs; round++)); do
    for tool in "${tools[@]}"; do
        say "round $round: $tool"
        rm -rf "$down"
        fetch "$tool"
        diff -rq "$small" "$down"
    done
done
machine
echo "$objects objects of 16 KiB down, medians of $runs"
printf '| | wall s | CPU s | splitreel'"'"'s rate against it |\n|---|---|---|---|\n'
for tool in "${tools[@]}"; do
    printf '| %s | %s | %s | %s |\n' "$tool" "$(median "$work/small.$tool" 1)" "$(median "$work/small.$tool" 2)" \
        "$(median_ratio "$work/small.$tool" "$work/small.splitreel" 1)"
done
