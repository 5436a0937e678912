# shellcheck shell=bash
# tests/serve.sh - a service for scenario scripts: read by them after tests/lib.sh, not run.
server= url=

# launch COMMAND...: a server, which says where it listens when it is ready: that is $url.
launch()
{
    rm -f said.txt
    mkfifo said.txt
    tied "$@" >said.txt 2>>log.txt &
    server=$!
    read -r -t 60 said <said.txt || { cat log.txt; complain 'it does not say that it listens'; return 1; }
    url=${said##*listening on }
    [[ $url == http://127.0.0.1:* ]] || complain "it says: $said"
}
# start [OPTION...]: one on a free port, with its state in state/.
start() { launch "$SPLITREEL" serve --listen 127.0.0.1:0 --state state "$@"; }

# Ends it and gives its exit status.
stop()
{
    kill -"${1:-TERM}" "$server"
    wait "$server"
}

# op OPERATION BODY [CURL-OPTION...]: asks the Step Functions API, gives the answer's body.
op()
{
    local name=$1 body=$2
    shift 2
    curl -sS --max-time 90 -H 'Content-Type: application/x-amz-json-1.0' -H "X-Amz-Target: AWSStepFunctions.$name" \
        "$@" --data-binary "$body" "$url/"
}

# keys_config: a configuration in config.json with one key, $key and $secret.
key=AKIDEXAMPLE secret=a-secret-of-24-letters..
keys_config()
{
    printf '{"keys": [{"access_key": "%s", "secret": "%s"}]}' "$key" "$secret" >config.json
    chmod 600 config.json
}

# Each in a folder of its own; what it started ends with it.
scenario()
{
    local name=$1
    mkdir "$work/$2" && try "$name" alone "$2"
}
alone()
{
    cd "$1" || return
    trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null' EXIT
    "$1"
}
