# shellcheck shell=bash
# tests/receiver.sh - somebody who is told things over HTTP, for scenario scripts: read by them after
# tests/lib.sh, not run. Wants perl.
receiver=

# receive STATUS: answers every request so, and keeps the Nth to /WHO in WHO.N; its port is $heard_at.
# With "HOST:PORT PATH" in WHO.to the body goes there, too, and the answer comes from there.
receive()
{
    rm -f port.txt
    mkfifo port.txt
    perl -MIO::Socket::INET -e '
        my ($status) = @ARGV;
        my %count;
        my $socket = IO::Socket::INET->new(Listen => 50, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die;
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
            my $file = "$who." . ++$count{$who};
            open(my $kept, ">", "$file.new"); print $kept "$head\n$body"; close $kept;
            rename("$file.new", $file);
            my $answer = $status;
            if (open(my $to, "<", "$who.to")) {
                my ($host, $path) = split / /, <$to> =~ s/\n//r;
                my $there = IO::Socket::INET->new($host);
                print $there "POST $path HTTP/1.1\r\nHost: $host\r\nContent-Length: $bytes\r\n\r\n$body" if $there;
                $answer = $there && <$there> =~ m{^HTTP/1.1 (\d+)} ? $1 : 502;
            }
            print $peer "HTTP/1.1 $answer x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            close $peer;
        }' "$1" 2>receiver.log &
    receiver=$!
    read -r -t 60 heard_at <port.txt || { cat receiver.log; complain 'there is no receiver'; }
}

# Of what it keeps.
body() { sed '1,/^$/d' "$1"; }
