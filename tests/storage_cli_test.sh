#!/bin/bash
# What `splitreel ls`, `cp`, `cat` and `gc` promise: over a folder, and over S3 servers of
# tests/servers/ where their packages are installed.
. tests/lib.sh
root=$PWD
unset AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_SESSION_TOKEN AWS_CA_BUNDLE SPLITREEL_STORES http_proxy https_proxy
export AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/nowhere/config AWS_SHARED_CREDENTIALS_FILE=/nowhere/credentials
server_script=
stop_server() { [ -z "$server_script" ] || "$root/$server_script" stop "$top/server"; server_script=; rm -rf -- "$top/server"; }
trap 'stop_server; rm -rf -- "$top"' EXIT

top=$work
head -c 300 /dev/urandom >"$top/small"
head -c 12345678 /dev/urandom >"$top/big"
: >"$top/empty"
# Each store's tests have a folder of their own.
enter() { work=$top/$1 && mkdir "$work" && ln -s "$top"/{small,big,empty} "$work"; }

# start SCRIPT KEY SECRET: a server; sets port and the environment that finds it. 77: not installed.
start()
{
    local status
    "$root/$1" start "$top/server" >"$top/start.log" 2>&1
    status=$?
    [ $status -eq 0 ] || { rm -rf -- "$top/server"; return $status; }
    server_script=$1
    port=$(cat "$top/server/port")
    export AWS_ACCESS_KEY_ID=$2 AWS_SECRET_ACCESS_KEY=$3 AWS_ENDPOINT_URL_S3=http://127.0.0.1:$port
}

# signed METHOD PATH [OPTION...]: a plain request, for what no verb does.
signed()
{
    local method=$1 path=$2
    shift 2
    curl -sSf -o /dev/null --noproxy '*' --aws-sigv4 aws:amz:us-east-1:s3 --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -X "$method" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" "$AWS_ENDPOINT_URL_S3$path"
}
make_bucket()
{
    local head=$top/head url
    [[ $AWS_ACCESS_KEY_ID == *:* ]] || { signed PUT /bucket; return; }
    # Swift: curl takes a key with a colon for a name and a password, so its own protocol makes it
    curl -sSf -o /dev/null -D "$head" --noproxy '*' -H "X-Storage-User: $AWS_ACCESS_KEY_ID" -H "X-Storage-Pass: $AWS_SECRET_ACCESS_KEY" \
        "$AWS_ENDPOINT_URL_S3/auth/v1.0" || return
    url=$(sed -n 's/^x-storage-url: *//Ip' "$head" | tr -d '\r')
    curl -sSf -o /dev/null --noproxy '*' -X PUT -H "$(grep -i '^x-auth-token:' "$head" | tr -d '\r')" "$url/bucket"
}
silent() { [ ! -s err.txt ] || { cat err.txt; complain 'stderr is not empty'; }; }
verb() { "$SPLITREEL" "$@"; }

# Over any store: $base is a bucket's or a folder's beginning ---------------------------------------
there_and_back()
{
    local name
    for name in small big empty; do
        status 0 verb cp "$name" "$base/t/$name" && silent || return
        status 0 verb cp "$base/t/$name" "back/$name" && same "$name" "back/$name" || return
        "$SPLITREEL" cat "$base/t/$name" | cmp - "$name" || return
    done
    status 0 verb ls "$base/t/" --json && [ "$(jq -c '[.key, .bytes]' out.txt | sort | tr -d '\n')" = \
        "[\"${prefix}big\",12345678][\"${prefix}empty\",0][\"${prefix}small\",300]" ]
}
ranges()
{
    local range skip count
    verb cp -y big "$base/t/big" || return
    while read -r range skip count; do
        status 0 verb cat "$base/t/big" --range "$range" || return
        tail -c +$((skip + 1)) big | head -c "$count" >want
        same out.txt want || complain "range $range" || return
    done <<'RANGES'
0-0 0 1
5-9 5 5
12345670- 12345670 8
12345670-99999999 12345670 8
-10 12345668 10
1048570-5242890 1048570 4194321
RANGES
    status 2 verb cat "$base/t/big" --range 12345678- && says 'the range begins at' || return
    for range in 9-5 - a-b 1 5-x -0 18446744073709551616-; do
        status 2 verb cat "$base/t/big" --range "$range" && says '--range' || return
    done
}
existing_is_kept()
{
    verb cp small "$base/k" || return
    status 2 verb cp big "$base/k" && says 'is there already' && says '-y overwrites' || return
    "$SPLITREEL" cat "$base/k" | cmp - small || return
    status 2 verb cp - "$base/k" <big && says 'is there already' || return
    status 0 verb cp -y big "$base/k" && "$SPLITREEL" cat "$base/k" | cmp - big
}
pipes()
{
    "$SPLITREEL" cp - "$base/p/big" <big && "$SPLITREEL" cp "$base/p/big" - | cmp - big || return
    "$SPLITREEL" cp - "$base/p/empty" </dev/null && [ "$("$SPLITREEL" cat "$base/p/empty" | wc -c)" = 0 ] || return
    status 2 verb cp - "$base/p/" </dev/null && says 'has no name'
}
named_by_source()
{
    verb cp small "$base/n/" && "$SPLITREEL" cat "$base/n/small" | cmp - small || return
    mkdir here && verb cp "$base/n/small" here && same small here/small
}
missing()
{
    status 3 verb cat "$base/absent" && says absent && [ ! -s out.txt ] || return
    status 3 verb cp "$base/absent" out && is_absent out || return
    status 3 verb cp "$base/absent" "$base/also" || return
    status 3 verb ls "$base/absent" && status 3 verb cp -r "$base/absent" there
}
# Every key is found again under its own name, and a folder gives it back.
odd_keys()
{
    local key long
    long=$(printf '%01024d' 0)
    keys=('with space' ' lead and trail ' plus+plus 'per%cent%20' 'ünïcode-日本.mov' "quote'\"" 'amp&<>?#=;:@$,' '!*()~[]{}|^`' 'back\slash' '.%odd' '-dash')
    [[ $lacks == *slashes* ]] || keys+=('a//b' '/leading' './dot' 'up/../x' 'deep/er/')
    [[ $lacks == *long* ]] || keys+=("${long:$((${#prefix_of_base} + 4))}")
    for key in "${keys[@]}"; do
        status 0 verb cp -- small "$base/odd/$key" 2>/dev/null || # a target that ends with / takes a name
            return
        [[ $key == */ ]] && key+=small
        status 0 verb cat -- "$base/odd/$key" && same out.txt small || complain "key $key" || return
        printf '%s\n' "$key"
    done | LC_ALL=C sort >keys
    [ "$(wc -l <keys)" = ${#keys[@]} ] || { cat keys; complain 'not all keys came back'; } || return
    status 0 verb ls -r "$base/odd/" --json || return
    jq -r .key out.txt | sed "s|^$listed_prefix||" | LC_ALL=C sort >listed
    diff keys listed || complain 'the listing has other keys' || return
    status 0 verb cp -r "$base/odd" tree && says "${#keys[@]} copied" && status 0 verb ls -r tree --json || return
    jq -r .key out.txt | LC_ALL=C sort | diff keys - || complain 'the folder has other keys' || return
    status 0 verb cp -r tree "$base/o2" && status 0 verb cp -r "$base/o2" "$base/o3" || return
    status 0 verb ls -r "$base/o3/" --json && [ "$(wc -l <out.txt)" = ${#keys[@]} ]
}
some_fail()
{
    mkdir -p many/sub && cp small many/a && cp small many/sub/b && cp big many/c || return
    status 0 verb cp -r many "$base/many" && says '3 copied, 12346278 bytes, 0 failed' || return
    status 2 verb cp -r many "$base/many" && says '0 copied, 0 bytes, 3 failed' || return
    cp small many/d
    status 6 verb cp -r many "$base/many" && says '1 copied, 300 bytes, 3 failed' && says 'is there already' || return
    status 2 verb cp -r "$base/many" "$base/many/below" && says 'the target is below the source' || return
    status 0 verb cp -r -y many "$base/many" --json && [ "$(jq -s 'map(.bytes) | add' out.txt)" = 12346578 ] || return
    verb cp -r "$base/many" many2 && diff -r many many2
}
folded()
{
    verb cp small "$base/f/one/x" && verb cp small "$base/f/two" && status 0 verb ls "$base/f/" --json || return
    [ "$(jq -c '[.key, .folder]' out.txt | tr -d '\n')" = "[\"${fold}one/\",true][\"${fold}two\",null]" ] || { cat out.txt; return 1; }
    status 0 verb ls "$base/f/" && says "${fold}one/" out.txt && says ' 300 ' out.txt
}
# On a terminal a copy shows how far it is; what is half there shows nothing in the store.
progress()
{
    command -v script >/dev/null || return 0
    mkfifo feed
    script -qefc "$SPLITREEL cp - $base/shown <feed" shown.txt >/dev/null 2>&1 &
    local copy=$!
    exec 7>feed
    cat small >&7
    timeout 20 tail -n +1 -f shown.txt | grep -m 1 -q MiB || complain 'no progress' || return
    status 3 verb cat "$base/shown"
    exec 7>&-
    wait "$copy" && "$SPLITREEL" cat "$base/shown" | cmp - small
}
# With leave to write, and nothing stays of it.
examined()
{
    status 0 verb doctor "$base/doctor/" --json && ! jq -e '.findings[] | select(.found | contains("put, read"))' out.txt >/dev/null ||
        { cat out.txt; complain 'it wrote unasked'; } || return
    status 0 verb doctor "$base/doctor/" --write && says 'can be listed' out.txt && says 'can be put, read and removed' out.txt &&
        says "the store's, within" out.txt && status 3 verb ls -r "$base/doctor/" || return
    status 1 env AWS_SECRET_ACCESS_KEY=wrong "$SPLITREEL" doctor "$base/doctor/" && says 'right keys?' out.txt
}
over_any()
{
    try "$1: there and back, whole and empty" there_and_back
    try "$1: ranges" ranges
    try "$1: what is there is kept without -y" existing_is_kept
    try "$1: from and to pipes" pipes
    try "$1: a folder as target takes the name" named_by_source
    try "$1: what is missing" missing
    try "$1: odd keys" odd_keys
    try "$1: many, of which some fail" some_fail
    try "$1: folded at /" folded
    try "$1: progress on a terminal" progress
}

# Only S3 -------------------------------------------------------------------------------------------
inside()
{
    verb cp big "$base/i" || return
    status 0 verb cp "$base/i" "$base/j" --json && [[ $lacks == *parts* || $(jq .inside out.txt) == true ]] || { cat out.txt; return 1; }
    "$SPLITREEL" cat "$base/j" | cmp - big || return
    status 2 verb cp -y "$base/j" "$base/j" && says 'onto itself'
}
attributes()
{
    verb cp small "$base/a.m3u8" --cache-control 'max-age=60' && verb cp "$base/a.m3u8" "$base/a2" || return
    signed HEAD "/bucket/${prefix_of_base}a2" -I -D head.txt || return
    grep -qi '^content-type: application/vnd.apple.mpegurl' head.txt && grep -qi '^cache-control: max-age=60' head.txt ||
        { cat head.txt; complain 'attributes are lost'; } || return
    verb cp -y "$base/a2" "$base/a2b" --content-type text/x-own && signed HEAD "/bucket/${prefix_of_base}a2b" -I -D head.txt &&
        grep -qi '^content-type: text/x-own' head.txt
}
# A copy that is killed leaves an upload open, and no object; gc finds it.
killed_and_collected()
{
    mkfifo held
    "$SPLITREEL" cp - "$base/held <&>" <held 2>killed.txt &
    local copy=$!
    exec 8>held
    cat big >&8
    local tries=0 # each a whole process: a minute at least
    until verb gc "$base/held" --older 0 --dry-run --json >found.txt && [ -s found.txt ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || complain 'no upload began' || return
    done
    kill -KILL "$copy"
    wait "$copy" 2>/dev/null
    exec 8>&-
    [ "$(jq -r .key found.txt)" = "${prefix_of_base}held <&>" ] && [ "$(jq .aborted found.txt)" = false ] || { cat found.txt; return 1; }
    status 3 verb cat "$base/held <&>" || return
    status 0 verb gc "$base/held" && says '0 aborted, 1 younger' || return
    status 0 verb gc "$base/other" --older 0 && says '0 aborted, 0 younger' || return
    status 0 verb gc "$base/held" --older 0 && says '1 aborted, 0 younger' && says 'held <&>' out.txt || return
    status 0 verb gc "$base/held" --older 0 && says '0 aborted, 0 younger' && [ ! -s out.txt ]
}
# In a folder it is the file that was being written.
killed_in_a_folder()
{
    mkfifo kept && mkdir room
    "$SPLITREEL" cp - room/deep/out <kept 2>killed.txt &
    local copy=$! tries=0
    exec 8>kept
    cat big >&8
    until verb gc room --older 0 --dry-run --json >found.txt 2>/dev/null && [ -s found.txt ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || complain 'nothing is written' || return
    done
    kill -KILL "$copy"
    wait "$copy" 2>/dev/null
    exec 8>&-
    jq -r .key found.txt | grep -q '^deep/' && is_absent room/deep/out && echo mine >room/deep/other || return
    status 0 verb gc room && says '0 aborted, 1 younger' || return
    status 0 verb gc room --older 0 && says '1 aborted, 0 younger' || return
    [ "$(find room -type f)" = room/deep/other ] || { find room; complain 'left something, or took too much'; }
}
# The first signal ends it soon and leaves nothing.
interrupted()
{
    mkfifo slow
    "$SPLITREEL" cp - "$base/slow" <slow 2>err.txt &
    local copy=$! got tries=0
    exec 9>slow
    cat big >&9
    until verb gc "$base/slow" --older 0 --dry-run --json >found.txt && [ -s found.txt ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || complain 'no upload began' || return
    done
    kill -TERM "$copy"
    wait "$copy"
    got=$?
    exec 9>&-
    [ $got -eq 143 ] || complain "exit status $got" || return
    says interrupted && status 0 verb gc "$base/slow" --older 0 && says '0 aborted, 0 younger' && status 3 verb cat "$base/slow"
}
# Parts of a shared workspace go by their age, and nothing else does.
parts_collected()
{
    local key=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef file
    for file in "$key.m4s" "$key.json" jobs/1/plan.json film.mov; do
        verb cp small "$base/.splitreel/$file" || return
    done
    status 0 verb gc --parts "$base/.splitreel" && says '0 removed, 0 bytes, 3 younger' || return
    status 0 verb gc --parts "$base/.splitreel/" --older 0 --dry-run --json && [ "$(jq -s 'map(.bytes) | add' out.txt)" = 900 ] || return
    status 0 verb gc --parts "$base/.splitreel/" --older 0 && says '3 removed, 900 bytes, 0 younger' || return
    status 0 verb ls -r "$base/.splitreel/" --json && [ "$(jq -r .key out.txt)" = "${prefix_of_base}.splitreel/film.mov" ]
}
refused()
{
    status 3 verb ls s3://no-such-bucket && says no-such-bucket && says 'no such bucket' || return
    status 4 env AWS_SECRET_ACCESS_KEY=wrong "$SPLITREEL" ls "$base/" && says 'right keys' || return
    status 4 verb ls "$base/" --endpoint-url http://127.0.0.1:1 && says '--endpoint-url' || return
    status 4 verb cat "$base/t/small" --no-sign-request || return
    ! grep -q splitreelsecretkey err.txt
}
public()
{
    signed PUT /bucket/public -H 'x-amz-acl: public-read' --data-binary @small || return
    status 0 env -u AWS_ACCESS_KEY_ID "$SPLITREEL" cat s3://bucket/public --no-sign-request && same out.txt small || return
    status 4 verb cat "$AWS_ENDPOINT_URL_S3/bucket/public?versionId=null" && says '--allow' && ! grep -q versionId err.txt || return
    status 0 verb cp "$AWS_ENDPOINT_URL_S3/bucket/public" "$base/by-http" --allow "127.0.0.1:$port" &&
        "$SPLITREEL" cat "$base/by-http" | cmp - small || return
    status 3 verb ls "$AWS_ENDPOINT_URL_S3/bucket/" --allow-private
}
# Buckets with profiles and endpoints of their own, in one copy.
named_stores()
{
    signed PUT /renditions || return
    printf '[one]\naws_access_key_id = %s\naws_secret_access_key = %s\n[two]\naws_access_key_id = wrong\naws_secret_access_key = wrong\n' \
        "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" >aws.ini
    cat >stores.json <<JSON
{ "version": 1, "stores": { // two names, two profiles
    "near": {"bucket": "bucket", "profile": "one", "endpoint_url": "$AWS_ENDPOINT_URL_S3"},
    "far": {"bucket": "renditions", "profile": "one", "endpoint_url": "$AWS_ENDPOINT_URL_S3", "addressing": "path"},
    "shut": {"bucket": "bucket", "profile": "two", "endpoint_url": "$AWS_ENDPOINT_URL_S3"} } }
JSON
    verb cp -y small s3://bucket/named || return
    local named=(env -u AWS_ENDPOINT_URL_S3 -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY AWS_SHARED_CREDENTIALS_FILE="$PWD/aws.ini" "$SPLITREEL")
    status 0 "${named[@]}" cp s3://near/named s3://far/copy --stores stores.json --json || return
    [ "$(jq .inside out.txt)" = true ] || { cat out.txt; complain 'one server copies between its buckets'; } || return
    status 4 "${named[@]}" cp s3://shut/named s3://far/copy2 --stores stores.json || return
    status 0 env SPLITREEL_STORES=stores.json "${named[@]}" cat s3://far/copy && same out.txt small || return
    status 4 "${named[@]}" cat s3://shut/named --stores stores.json || return
    status 0 "${named[@]}" cat s3://renditions/copy --aws-profile one --endpoint-url "$AWS_ENDPOINT_URL_S3" --path-style && same out.txt small || return
    status 3 "${named[@]}" cat s3://renditions/copy --aws-profile three --endpoint-url "$AWS_ENDPOINT_URL_S3" && says three
}

# Wrong usage ---------------------------------------------------------------------------------------
usage()
{
    local verb
    echo '{"version": 1, "store": {}}' >wrong.json
    for verb in ls cp cat gc; do
        status 2 verb $verb && says want || return
        status 2 verb $verb --nonsense && says 'no such option' || return
        status 2 verb $verb '' '' || return
        status 2 verb $verb a b --stores wrong.json && says 'stores file' && says nearest || return
        status 3 verb $verb a b --stores /nowhere.json && says 'stores file' || return
        status 2 verb $verb a b --endpoint-url nonsense && says '--endpoint-url' || return
        status 2 verb $verb a b --addressing dns && says '--addressing' || return
        status 0 verb $verb --help && says '--endpoint-url' out.txt && says "splitreel $verb" out.txt && silent || return
    done
    status 2 verb cp a && status 2 verb cp a b c && says 'one too many' || return
    status 2 verb cp -r - x && status 2 verb cat --json small && status 2 verb gc . --older soon && says --older || return
    status 3 verb cp small http://127.0.0.1/x && says 'only be read' || return
    status 3 verb cp small ftp://host/x && says 'no store for ftp' || return
    status 2 verb cat s3://bucket && says 'names no object' || return
    status 2 verb cat s3:///key && says 'not a bucket'
}
hostile_name()
{
    printf x >"$(printf 'bell\a\033[31m\nline')" && status 0 verb ls . && says 'bell\x07\x1B[31m\x0Aline' out.txt || return
    ! grep -q "$(printf '\033')" out.txt
}
full_output() { "$SPLITREEL" ls . >/dev/full 2>err.txt; [ $? -eq 4 ] && says 'standard output'; }
closed_pipe() { "$SPLITREEL" cat big | head -c 1 >/dev/null; [ "${PIPESTATUS[0]}" -eq 4 ]; }

try 'usage' usage
try 'names with control characters' hostile_name
try 'a reader that goes away' closed_pipe
try 'standard output that is full' full_output
enter folder
base=folder prefix= prefix_of_base= listed_prefix= fold= lacks=slashes # a path's are one
over_any folder
try 'folder: killed, and collected' killed_in_a_folder
try 'folder: nothing to collect' status 0 "$SPLITREEL" gc . --older 0

# over_server NAME SCRIPT KEY SECRET LACKS [TEST...]: those of any store, then tests of S3.
over_server()
{
    local name=$1 script=$2 one
    start "$script" "$3" "$4"
    case $? in
    0) ;;
    77)
        echo "skip $name: it is not installed (docs/storage.md)"
        return
        ;;
    *)
        cat "$top/start.log"
        echo "not ok $name: it does not start"
        failures=$((failures + 1))
        return
        ;;
    esac
    make_bucket
    enter "${name// /-}"
    base=s3://bucket/of/us prefix=of/us/t/ prefix_of_base=of/us/ listed_prefix=of/us/odd/ fold=of/us/f/ lacks=$5
    over_any "$name"
    shift 5
    for one in "$@"; do try "$name: ${one//_/ }" "$one"; done
    stop_server
}
over_server 'Ceph RGW' tests/servers/ceph-rgw.sh splitreelaccess splitreelsecretkey '' inside examined attributes killed_and_collected \
    parts_collected interrupted refused public named_stores
over_server s3rver tests/servers/s3rver.sh S3RVER S3RVER slashes,long inside
if [ -n "${SPLITREEL_ALL_SERVERS:-}" ]; then
    over_server 'OpenStack Swift' tests/servers/swift.sh splitreel:access splitreelsecretkey parts inside killed_and_collected interrupted
fi
finish
