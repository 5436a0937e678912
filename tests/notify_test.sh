#!/bin/bash
# Who is told how a job ended: a receiver that says no, then is away, hears of it after a restart of the
# service, as the same event, signed; of a job that was stopped. And the whole way, from the Jobs API.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh

for tool in curl jq openssl perl; do
    command -v "$tool" >/dev/null || { echo "skip notify $tool is not there"; exit 0; }
done
here=$PWD
server= worker= receiver= url=
trap 'for pid in $server $worker $receiver; do kill -KILL "$pid" 2>/dev/null; done; rm -rf -- "$work"' EXIT
arns=arn:aws:states:us-east-1:123456789012
trace=4bf92f3577b34da6a3ce929d0e0e4736
export HOOK_SECRET=not-a-real-secret

# await COMMAND...: until it succeeds.
await()
{
    for _ in $(seq 2400); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.05
    done
    tail -n 5 ./*.log
    complain "never: $*"
}

# serve [OPTION...]: the service and its worker; $url is its address.
serve()
{
    rm -f said.txt
    mkfifo said.txt
    "$SPLITREEL" serve --listen 127.0.0.1:0 --state state "$@" >said.txt 2>>serve.log &
    server=$!
    read -r -t 60 said <said.txt || { cat serve.log; complain 'it does not say that it listens'; return 1; }
    url=${said##*listening on }
    "$SPLITREEL" worker --server "$url" --unsigned --slots 1 --activities all --allow 127.0.0.1 2>>worker.log &
    worker=$!
}

leave()
{
    kill -TERM "$worker" "$server"
    wait "$worker" && wait "$server" || complain 'they end badly'
    server= worker=
}

# listen STATUS NAME [PORT]: a receiver that answers so, and keeps each request in NAME.N; its port is in port.txt.
listen()
{
    rm -f port.txt
    perl -MIO::Socket::INET -e '
        my ($status, $name, $port) = (@ARGV, 0);
        my $socket = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => $port, ReuseAddr => 1) or die;
        open(my $file, ">", "port.new"); print $file $socket->sockport; close $file; rename("port.new", "port.txt");
        for (my $n = 1; my $peer = $socket->accept; $n++) {
            my ($head, $body, $bytes) = ("", "", 0);
            while (defined(my $line = <$peer>)) {
                last if $line eq "\r\n";
                $bytes = $1 if $line =~ /^content-length:\s*(\d+)/i;
                $head .= $line =~ s/\r//r;
            }
            read($peer, $body, $bytes);
            open($file, ">", "$name.new"); print $file "$head\n$body"; close $file; rename("$name.new", "$name.$n");
            print $peer "HTTP/1.1 $status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            close $peer;
        }' "$@" 2>receiver.log &
    receiver=$!
    await test -s port.txt
}

mute()
{
    kill -KILL "$receiver"
    wait "$receiver" 2>/dev/null
    receiver=
}

header() { sed -n "/^\$/q;s/^$2: *//Ip" "$1"; }
body() { sed '1,/^$/d' "$1"; }

# signed FILE: Standard Webhooks: the base64 of HMAC-SHA256 over ID.TIMESTAMP.BODY.
signed()
{
    local want
    want=$(printf '%s.%s.%s' "$(header "$1" webhook-id)" "$(header "$1" webhook-timestamp)" "$(body "$1")" |
        openssl dgst -sha256 -hmac "$HOOK_SECRET" -binary | base64)
    [ "$(header "$1" webhook-signature)" = "v1,$want" ] || { cat "$1"; complain 'its signature is another'; }
}

state() { "$SPLITREEL" sm describe --server "$url" --no-sign-request "$(jq -r .executionArn begun)" | jq -r .status; }
has_failed() { [ "$(state)" = FAILED ]; }

# begin: what follows when a job was stopped.
begin()
{
    mkdir ws
    sed "s|\${Activities}|$arns:activity:|g" "$here/pipeline/workflows/transcode.asl.json" >flow.json
    jq -n --arg url "http://127.0.0.1:$(cat port.txt)/hook?secret=query" '{version: 1, input: "/there/is/none.mp4", output: "x.mp4",
        notifications: [{url: $url, events: ["CANCELLED"], secret_env: "HOOK_SECRET"}, {url: $url, events: ["SUCCEEDED"]}]}' >ws/manifest.json
    "$SPLITREEL" sm create --server "$url" --no-sign-request --name transcode flow.json >/dev/null &&
        "$SPLITREEL" sm start --server "$url" --no-sign-request --name stopped --input "$(jq -cn --arg ws "$PWD/ws" --arg trace "$trace" \
            '{job: {id: "j-1", workspace: $ws, correlation: "order-7", traceparent: ("00-" + $trace + "-00f067aa0ba902b7-01")},
                failure: {Error: "Splitreel.Cancelled", Cause: "by request"}}')" "$arns:stateMachine:transcode" >begun
}

told_later()
{
    listen '503 Service Unavailable' first && serve && begin && await has_failed && await test -s first.1 || return
    mute
    await grep -q 'not told how the job ended' worker.log && leave && serve || return
    listen '204 No Content' later "$(cat port.txt)" && await test -s later.1 || return
    leave || return
    mute
    [ ! -e first.2 ] && [ ! -e later.2 ] || complain 'it was told too often' || return
    signed first.1 && signed later.1 || return
    [ -n "$(header first.1 webhook-id)" ] && [ "$(header first.1 webhook-id)" = "$(header later.1 webhook-id)" ] ||
        complain 'it is another event' || return
    [ "$(body first.1)" = "$(body later.1)" ] || complain 'it tells another story' || return
    [ "$(header first.1 webhook-timestamp)" -lt "$(header later.1 webhook-timestamp)" ] || complain 'its time is not the try'\''s' || return
    [ "$(header later.1 traceparent)" = "00-$trace-00f067aa0ba902b7-01" ] && [ "$(header later.1 X-Correlation-Id)" = order-7 ] ||
        { cat later.1; complain 'nothing ties it to the job'; return 1; }
    body later.1 | jq -e '.type == "job.cancelled" and .data.job == "j-1" and .data.correlation == "order-7" and
        .data.error == {code: "CANCELLED", message: "by request"}' >/dev/null || { body later.1; complain 'what it tells'; return 1; }
    # Each line about the job says whose it is; none has a secret.
    jq -es --arg trace "$trace" 'map(select(.job == "j-1")) | length > 3 and all(.correlation == "order-7" and .trace_id == $trace)' worker.log \
        >/dev/null || { cat worker.log; complain 'a line without its job'; return 1; }
    ! grep -e "$HOOK_SECRET" -e 'secret=query' worker.log serve.log || complain 'a secret in the log'
}

job_is() { [ "$(curl -sS "$url/v1/jobs/$1" | jq -r .state)" = "$2" ]; }

from_the_api()
{
    listen '204 No Content' api || return
    jq -n --arg host "http://127.0.0.1:$(cat port.txt)" '{jobs: {allow: [$host]}}' >config.json && chmod 600 config.json &&
        serve --config config.json --root "$PWD" --root "$FIXTURES" || return
    jq -n --arg input "$FIXTURES/closed-gop.mp4" --arg output "$PWD/told.mp4" --arg url "http://127.0.0.1:$(cat port.txt)/hook" '{version: 1,
        input: $input, output: $output, priority: 80, correlation: "of-the-manifest", metadata: {asset: "42"},
        segments: {target: "5s"}, renditions: [{id: "v", codec: "h264", preset: "ultrafast"}],
        notifications: [{url: $url, secret_env: "HOOK_SECRET"}, {url: $url, events: ["FAILED"]}]}' >job.json
    local id
    id=$(curl -sS -H 'Content-Type: application/json' -H 'X-Correlation-Id: order-9' -H "traceparent: 00-$trace-00f067aa0ba902b7-00" \
        --data-binary @job.json "$url/v1/jobs" | jq -r .id)
    await test -s api.1 && await job_is "$id" SUCCEEDED && leave || return
    mute
    signed api.1 && [ ! -e api.2 ] || complain 'it was told too often' || return
    [ "$(header api.1 traceparent)" = "00-$trace-00f067aa0ba902b7-00" ] || { cat api.1; complain 'its trace is lost'; return 1; }
    body api.1 | jq -e --arg id "$id" --arg report "$PWD/told.report.json" '.type == "job.succeeded" and .data.job == $id and
        .data.correlation == "order-9" and .data.metadata == {asset: "42"} and .data.verdict == "PASS" and .data.report == $report' >/dev/null ||
        { body api.1; complain 'what it tells'; return 1; }
    [ "$(jq -r .correlation told.report.json)" = order-9 ] || complain 'the report does not know it' || return
    jq -es --arg id "$id" 'map(select(.job == $id)) | length > 10 and all(.correlation == "order-9")' worker.log serve.log >/dev/null ||
        complain 'a line without its correlation'
}

try 'a receiver that was away hears of it after a restart, as the same event' told_later
try 'a job of the API, from its headers to its webhook' from_the_api
finish
