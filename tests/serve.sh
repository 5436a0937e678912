# shellcheck shell=bash
# tests/serve.sh - a service for scenario scripts: read by them after tests/lib.sh, not run.
server= url=

# start [OPTION...]: a server on a free port; $url is its address. It says so when it is ready.
start()
{
    rm -f said.txt
    mkfifo said.txt
    "$SPLITREEL" serve --listen 127.0.0.1:0 --state state "$@" >said.txt 2>>log.txt &
    server=$!
    read -r -t 60 said <said.txt || { cat log.txt; complain 'it does not say that it listens'; return 1; }
    url=${said##*listening on }
    [[ $url == http://127.0.0.1:* ]] || complain "it says: $said"
}

# Ends it and gives its exit status.
stop()
{
    kill -"${1:-TERM}" "$server"
    wait "$server"
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
