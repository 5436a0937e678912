# shellcheck shell=bash
# tests/receiver.sh - somebody who is told things over HTTP, for scenario scripts: read by them after
# tests/lib.sh, not run. Wants perl and openssl.
receiver=

# receive STATUS [PORT]: answers every request so, and keeps the Nth to /WHO in WHO.N; its port is $heard_at.
# With "HOST:PORT PATH" in WHO.to the body goes there, too, and the answer comes from there.
receive()
{
    rm -f port.txt
    mkfifo port.txt
    tied perl -MIO::Socket::INET -e '
        my ($status, $port) = (@ARGV, 0);
        my $socket = IO::Socket::INET->new(Listen => 50, LocalAddr => "127.0.0.1", LocalPort => $port, ReuseAddr => 1) or die;
        open(my $said, ">", "port.txt"); print $said $socket->sockport . "\n"; close $said;
        while (my $peer = $socket->accept) {
            my ($head, $body, $bytes) = ("", "", 0);
            while (defined(my $line = <$peer>)) {
                $line =~ s/\r?\n$//;
                last if $line eq "";
                $bytes = $1 if $line =~ /^content-length:\s*(\d+)/i;
                print $peer "HTTP/1.1 100 Continue\r\n\r\n" if $line =~ /^expect:\s*100-continue/i;
                $head .= "$line\n";
            }
            read($peer, $body, $bytes);
            my $who = $head =~ m{^\w+ /(\w+)} ? $1 : "nobody";
            my $n = 1;
            $n++ while -e "$who.$n";
            my $file = "$who.$n";
            open(my $kept, ">", "$file.new"); print $kept "$head\n$body"; close $kept;
            rename("$file.new", $file);
            my $answer = "$status x";
            if (open(my $to, "<", "$who.to")) {
                my ($host, $path) = split / /, <$to> =~ s/\n//r;
                my $there = IO::Socket::INET->new($host);
                print $there "POST $path HTTP/1.1\r\nHost: $host\r\nContent-Length: $bytes\r\n\r\n$body" if $there;
                $answer = $there && <$there> =~ m{^HTTP/1.1 (\d+)} ? "$1 x" : "502 x";
            }
            print $peer "HTTP/1.1 $answer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            close $peer;
        }' "$@" 2>receiver.log &
    receiver=$!
    read -r -t 60 heard_at <port.txt || { cat receiver.log; complain 'there is no receiver'; }
}

hush()
{
    kill -KILL "$receiver"
    wait "$receiver" 2>/dev/null
    receiver=
}

# Of what it keeps.
header() { sed -n "/^\$/q;s/^$2: *//Ip" "$1"; }
body() { sed '1,/^$/d' "$1"; }

# signed FILE: by Standard Webhooks, the base64 of HMAC-SHA256 over ID.TIMESTAMP.BODY.
signed()
{
    local want
    want=$(printf '%s.%s.%s' "$(header "$1" webhook-id)" "$(header "$1" webhook-timestamp)" "$(body "$1")" |
        openssl dgst -sha256 -hmac "$HOOK_SECRET" -binary | base64)
    [ -n "$(header "$1" webhook-id)" ] && [ "$(header "$1" webhook-signature)" = "v1,$want" ] ||
        { cat "$1"; complain 'its signature is another'; }
}
