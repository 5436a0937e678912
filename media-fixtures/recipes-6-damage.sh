# shellcheck shell=bash disable=SC2154
# Damage, always the same, and files that are no media.

# The moov of this one stands in front, so that a cut leaves an index that points past the end.
fixture truncated.mp4 damaged any any closed-gop.mp4 "cut at 60 %: the index points past the end"
make:truncated.mp4()
{
    ff -i "$2" -c copy -movflags +faststart "${exact[@]}" whole.mp4
    head -c $(($(stat -c %s whole.mp4) * 6 / 10)) whole.mp4 >"$1"
}

fixture no-moov.mp4 error - - closed-gop.mp4 "cut before its index: nothing can be decoded"
make:no-moov.mp4() { head -c $(($(stat -c %s "$2") * 6 / 10)) "$2" >"$1"; }

fixture truncated.ts damaged any any open-gop.ts "cut in the middle of a packet"
make:truncated.ts()
{
    head -c $(($(stat -c %s "$2") / 188 * 7 / 10 * 188 + 77)) "$2" >"$1"
}

fixture truncated.mkv damaged any any b-pyramid.mkv "cut at 60 %: no cues, last block incomplete"
make:truncated.mkv() { head -c $(($(stat -c %s "$2") * 6 / 10)) "$2" >"$1"; }

fixture bitflip.ts damaged any any open-gop.ts \
    "a byte overwritten in each of 10 packets, their headers whole"
make:bitflip.ts()
{
    cp "$2" "$1"
    local count=$(($(stat -c %s "$2") / 188)) i
    for i in 1 2 3 4 5 6 7 8 9 10; do
        patch_byte "$1" $((count * i / 11 * 188 + 101)) 125
    done
}

fixture ts-lost.ts damaged any any open-gop.ts \
    "three times five packets lost: continuity counters jump"
make:ts-lost.ts()
{
    local count=$(($(stat -c %s "$2") / 188))
    {
        packets "$2" 0 $((count / 4))
        packets "$2" $((count / 4 + 5)) $((count / 4))
        packets "$2" $((count / 2 + 10)) $((count / 4))
        packets "$2" $((count * 3 / 4 + 15)) "$count"
    } >"$1"
}

fixture bitflip.mp4 damaged any any closed-gop.mp4 "a byte overwritten in each of 5 video samples"
make:bitflip.mp4()
{
    cp "$2" "$1"
    local position number=0
    "$FFPROBE" -v error -select_streams v -show_entries packet=pos -of csv=p=0 "$2" >positions
    while IFS=, read -r position _; do
        number=$((number + 1))
        [ $((number % 49)) = 3 ] || continue
        patch_byte "$1" $((position + 40)) 377
    done <positions
}

fixture empty.mp4 error - - - "no byte at all"
make:empty.mp4() { : >"$1"; }

fixture text.mp4 error - - - "text with the name of a film"
make:text.mp4() { printf 'This is not a film.\n%.0s' {1..200} >"$1"; }

fixture playlist.mp4 error - - - "an HLS playlist with the name of a film: names another file"
make:playlist.mp4()
{
    printf '#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\nopen-gop.ts\n#EXT-X-ENDLIST\n' >"$1"
}

fixture concat.mp4 error - - - "a concat script with the name of a film: names another file"
make:concat.mp4() { printf "ffconcat version 1.0\nfile 'closed-gop.mp4'\n" >"$1"; }

fixture no-streams.mkv error - - - "a Matroska header and nothing behind it"
make:no-streams.mkv()
{
    printf '\x1a\x45\xdf\xa3\x93\x42\x86\x81\x01\x42\x82\x88matroska\x42\x87\x81\x04' >"$1"
}
