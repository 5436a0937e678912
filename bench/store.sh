#!/usr/bin/env bash
# bench/store.sh - one large object to and from Ceph's RADOS gateway on loopback: `splitreel cp` and `cat` against what Debian
# has for it (aws-cli, rclone, s3cmd), in turn, in one run. MIB (1024) is the object's size, RUNS (5) the number of rounds; TOOLS and
# WHAT ("up fetch to_nowhere") say less than all.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/store_lib.sh"
mib=${MIB:-1024}
start_store speed $((mib * 6 / 1024 + 2))

export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_R_TYPE=s3 RCLONE_CONFIG_R_PROVIDER=Ceph RCLONE_CONFIG_R_ENDPOINT=$AWS_ENDPOINT_URL_S3
export RCLONE_CONFIG_R_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID RCLONE_CONFIG_R_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY
aws=(/usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL_S3" s3)
s3cmd=(s3cmd --config=/dev/null --access_key="$AWS_ACCESS_KEY_ID" --secret_key="$AWS_SECRET_ACCESS_KEY" --no-ssl --no-progress
    --host="127.0.0.1:$port" "--host-bucket=127.0.0.1:$port/%(bucket)")
tools=(splitreel)
read -ra whats <<<"${WHAT:-up fetch to_nowhere}"
for tool in ${TOOLS:-aws rclone s3cmd}; do
    if [[ -x /usr/bin/$tool ]]; then tools+=("$tool"); else say "$tool is not installed: left out"; fi
done
object=$work/object down=$work/down
[[ $(stat -c %s "$object" 2>/dev/null) == $((mib * 1048576)) ]] || head -c $((mib * 1048576)) /dev/urandom >"$object"

up() {
    case $1 in
    splitreel) "$splitreel" cp -y -q "$object" "s3://bench/$1" ;;
    aws) "${aws[@]}" cp --only-show-errors "$object" "s3://bench/$1" ;;
    rclone) rclone copyto --ignore-times "$object" "R:bench/$1" ;;
    s3cmd) "${s3cmd[@]}" put "$object" "s3://bench/$1" ;;
    esac
}
fetch() {
    case $1 in
    splitreel) "$splitreel" cp -y -q "s3://bench/$1" "$down" ;;
    aws) "${aws[@]}" cp --only-show-errors "s3://bench/$1" "$down" ;;
    rclone) rclone copyto --ignore-times "R:bench/$1" "$down" ;;
    s3cmd) "${s3cmd[@]}" get --force "s3://bench/$1" "$down" ;;
    esac
}
# to_nowhere TOOL: the bytes on standard output, without a disk.
to_nowhere() {
    case $1 in
    splitreel) "$splitreel" cat "s3://bench/$1" >/dev/null ;;
    aws) "${aws[@]}" cp --only-show-errors "s3://bench/$1" - >/dev/null ;;
    rclone) rclone cat "R:bench/$1" >/dev/null ;;
    s3cmd) "${s3cmd[@]}" get --force "s3://bench/$1" - >/dev/null ;;
    esac
}
export -f up fetch to_nowhere
export splitreel object down
# Functions that `time` can run. First all is on the disk, so that none waits for what another has left to be written; behind the
# times stand the CPU seconds of both sides.
run_one() {
    local out=$1 what=$2 tool=$3 before
    sync
    before=$(store_cpu)
    timed "$out.one" bash -c "$(declare -p aws s3cmd 2>/dev/null); $what $tool"
    awk -v server="$(awk "BEGIN { print $(store_cpu) - $before }")" '{ print $0, $2 + server }' "$out.one" >>"$out"
    rm "$out.one"
}

rm -f "$work"/s.*
for ((round = 0; round < runs; round++)); do
    first=$((round % ${#tools[@]})) # each begins in turn
    for what in "${whats[@]}"; do
        for tool in "${tools[@]:first}" "${tools[@]:0:first}"; do
            say "round $round: $what $tool"
            # A file that is there and gone leaves memory that was touched just now: that which nobody has used for long costs its
            # first user in a virtual machine a second a GiB.
            if [[ $what == fetch ]]; then cp "$object" "$down"; fi
            rm -f "$down"
            run_one "$work/s.$what.$tool" "$what" "$tool"
            collect_store
            if [[ $what == fetch ]]; then cmp "$object" "$down"; fi
        done
    done
done

machine
echo "$mib MiB, $runs rounds; wall seconds, CPU seconds, with the gateway's, peak KiB (medians); then how much more the tool takes than splitreel:" \
    "wall (least to most), CPU with the gateway's"
for what in "${whats[@]}"; do
    for tool in "${tools[@]}"; do
        printf '%-10s %-9s %8s s %8s s CPU %8s s CPU %9s KiB' "$what" "$tool" "$(median "$work/s.$what.$tool" 1)" \
            "$(median "$work/s.$what.$tool" 2)" "$(median "$work/s.$what.$tool" 4)" "$(median "$work/s.$what.$tool" 3)"
        [[ $tool == splitreel ]] || printf '  %s, CPU %s' "$(median_ratio "$work/s.$what.$tool" "$work/s.$what.splitreel" 1)" \
            "$(median_ratio "$work/s.$what.$tool" "$work/s.$what.splitreel" 4)"
        echo
    done
done
