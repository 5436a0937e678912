# shellcheck shell=bash disable=SC2154
# tests/hostile-files.sh - makes files that mean harm, always the same: read by hostile_test.sh after
# lib.sh, not run. hostile_files DIR fills the folder and its list, expected.tsv: NAME <tab> OUTCOME,
#   error    a job of it fails, and says why
#   damaged  either: it ends, and what it leaves is whole
#   good     it is transcoded

# hostile NAME OUTCOME: what is about to be made.
hostile() { printf '%s\t%s\n' "$1" "$2" >>expected.tsv; }

# bytes HEX...: on standard output.
# shellcheck disable=SC2059
bytes() { printf "$(printf %s "$@" | sed 's/../\\x&/g')"; }

# box NAME HEX...: an ISO BMFF box, as hex.
box()
{
    local name body
    name=$(printf %s "$1" | od -An -tx1 | tr -d ' \n')
    shift
    body=$(printf %s "$@")
    printf '%08x%s%s' $((8 + ${#body} / 2)) "$name" "$body"
}

# poke FILE WORD DISTANCE HEX: overwrites what stands DISTANCE bytes behind the first WORD.
poke()
{
    local at
    at=$(LC_ALL=C grep -abo -m1 -- "$2" "$1" | head -n 1 | cut -d: -f1)
    [ -n "$at" ] || { echo "$1: no $2" >&2; return 1; }
    bytes "$4" | dd of="$1" bs=1 seek=$((at + $3)) conv=notrunc status=none
}

# noise BYTES: always the same.
noise() { bytes "$(awk -v n="$1" 'BEGIN { x = 1; for (i = 0; i < n; i++) { x = (x * 16807) % 2147483647; printf "%02x", x % 256 } }')"; }

no_media()
{
    hostile empty.mp4 error && : >empty.mp4
    hostile text.mp4 error && yes 'This is not a film.' | head -n 200 >text.mp4
    hostile json.mp4 error && printf '{"streams": [{"codec_name": "h264"}], "format": {"filename": "/etc/passwd"}}' >json.mp4
    hostile pointer.mp4 error && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 0 >pointer.mp4
    hostile noise.mp4 error && noise 65536 >noise.mp4
    hostile zeros.ts error && truncate -s 3M zeros.ts
    # A terabyte that no disk holds: whoever reads on does not end.
    hostile endless.mp4 error && truncate -s 1T endless.mp4
    hostile endless.ts error && truncate -s 1T endless.ts
    hostile device.mp4 error && ln -s /dev/zero device.mp4
    hostile pipe.mp4 error && mkfifo pipe.mp4
    hostile folder.mp4 error && mkdir folder.mp4
    hostile no-such-file.mp4 error
}

# Scripts that make a player read other files or call addresses. $secret is a film they may not read.
scripts()
{
    local head=$'#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n' tail=$'\n#EXT-X-ENDLIST\n' name target
    while read -r name target; do
        hostile "$name" error
        printf '%s%s%s' "$head" "$target" "$tail" >"$name"
    done <<END
local.m3u8 file:///etc/passwd
named.mp4 file://$secret
absolute.m3u8 $secret
named.ts $secret
loopback.m3u8 $url/healthz
concat.m3u8 concat:$secret|/etc/passwd
subfile.mp4 subfile,,start,0,end,1000,,:$secret
crypto.m3u8 crypto:$secret
data.m3u8 data:video/mp4;base64,AAAA
END
    hostile self.m3u8 error && printf '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nself.m3u8\n' >self.m3u8
    hostile concat.mp4 error && printf "ffconcat version 1.0\nfile '%s'\n" "$secret" >concat.mp4
    hostile dash.mpd error && printf '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file://%s</BaseURL><Period><AdaptationSet
        mimeType="video/mp4"><Representation id="1" bandwidth="1"/></AdaptationSet></Period></MPD>' "$secret" >dash.mpd
    hostile sdp.mp4 error && printf 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n' >sdp.mp4
    hostile reference.mov error && bytes "$(box ftyp 7174202000000000)" "$(box moov "$(box rmra "$(box rmda "$(box rdrf 00000000 \
        75726c20 00000020 "$(printf %s "file://$secret" | od -An -v -tx1 | tr -d ' \n')")")")")" >reference.mov
}

boxes()
{
    hostile ftyp-only.mp4 error && bytes "$(box ftyp 69736f6d0000020069736f6d)" >ftyp-only.mp4
    hostile huge-moov.mp4 error && bytes "$(box ftyp 69736f6d00000200)" 00000001 6d6f6f76 ffffffffffffffff >huge-moov.mp4
    hostile huge-ftyp.mp4 error && bytes 7fffffff 66747970 69736f6d >huge-ftyp.mp4
    hostile deep.mp4 error && {
        bytes "$(box ftyp 69736f6d00000200)"
        bytes "$(printf '%08x6d6f6f76' $(seq 160000 -8 8))"
    } >deep.mp4
}

# NAME WORD DISTANCE HEX OUTCOME, each in a film of its own: counts, sizes and times that cannot be.
fields()
{
    local name word distance hex outcome
    while read -r name word distance hex outcome; do
        hostile "$name" "$outcome"
        cp "$FIXTURES/rotated.mp4" "$name"
        poke "$name" "$word" "$distance" "$hex" || return
    done <<'END'
sizes-count.mp4 stsz 12 ffffffff damaged
sizes-same.mp4 stsz 8 7fffffff damaged
times-count.mp4 stts 8 ffffffff damaged
times-delta.mp4 stts 16 ffffffff damaged
times-none.mp4 stts 8 00000000 damaged
chunks-count.mp4 stsc 8 ffffffff damaged
chunks-of-none.mp4 stsc 16 00000000 damaged
chunks-far.mp4 stco 12 fffffff0 damaged
chunks-none.mp4 stco 8 00000000 damaged
edits-count.mp4 elst 8 ffffffff damaged
edits-long.mp4 elst 12 ffffffff damaged
edits-still.mp4 elst 20 00000000 damaged
edits-late.mp4 elst 16 7fffffff damaged
clock-zero.mp4 mdhd 16 00000000 damaged
clock-fast.mp4 mdhd 16 ffffffff damaged
movie-clock-zero.mp4 mvhd 16 00000000 damaged
wide.mp4 avc1 28 ffffffff damaged
codec-length.mp4 avcC -4 7fffffff damaged
END
}

# more HEX AT BYTES: the box's size that stands before its name at AT, that many bytes more.
more() { printf %08x $((16#${1:$2-8:8} + $3)); }

# An edit list that shows the same seconds 2,000 times over: a small file of hours.
endless_edits()
{
    local film=$FIXTURES/edit-list.mp4 moov trak edts old_bytes new grown hex
    hostile edits-again.mp4 damaged
    moov=$(LC_ALL=C grep -abo moov "$film" | tail -n 1 | cut -d: -f1)
    hex=$(tail -c +$((moov - 3)) "$film" | od -An -v -tx1 | tr -d ' \n')  # to the film's end
    trak=${hex%%7472616b*} trak=${#trak} edts=${hex%%65647473*} edts=${#edts}
    old_bytes=$((16#${hex:edts-8:8}))
    new=$(box edts "$(box elst 00000000 000007d0 "$(printf '00000bb80000000000010000%.0s' {1..2000})")")
    grown=$((${#new} / 2 - old_bytes))
    {
        head -c $((moov - 4)) "$film"
        bytes "$(more "$hex" 8 $grown)" "${hex:8:trak-16}" "$(more "$hex" $trak $grown)" "${hex:trak:edts-8-trak}"
        bytes "$new" "${hex:edts-8+2*old_bytes}"
    } >edits-again.mp4
}

bombs()
{
    hostile wide.y4m error && { printf 'YUV4MPEG2 W65535 H65535 F25:1 Ip A1:1 C420jpeg\nFRAME\n'; head -c 4096 /dev/zero; } >wide.y4m
    hostile wider.y4m error && { printf 'YUV4MPEG2 W2147483647 H2147483647 F25:1\nFRAME\n'; head -c 4096 /dev/zero; } >wider.y4m
    hostile no-rate.y4m damaged && { printf 'YUV4MPEG2 W16 H16 F0:0 Ip A0:0 C420jpeg\n'
        for _ in 1 2 3; do printf 'FRAME\n'; head -c 384 /dev/zero; done; } >no-rate.y4m
    hostile wide.gif error && bytes 474946383961 ffffffff f00000 000000ffffff 2c00000000ffffffff0002 0400 3b >wide.gif
    hostile wide.png error && bytes 89504e470d0a1a0a 0000000d49484452 7fffffff7fffffff0802000000 00000000 >wide.png
    hostile wide.bmp error && bytes 424d ffffffff 00000000 36000000 28000000 ffffff7f ffffff7f 0100 1800 00000000 >wide.bmp
    hostile wide.mkv damaged && cp "$FIXTURES/b-pyramid.mkv" wide.mkv && poke wide.mkv $'\xb0\x82' 2 ffff
    hostile rate.avi damaged && cp "$FIXTURES/no-pts.avi" rate.avi && poke rate.avi avih 8 00000000 && poke rate.avi strh 28 ffffffff00000000
    hostile index.avi damaged && cp "$FIXTURES/no-pts.avi" index.avi && poke index.avi idx1 4 ffffffff
}

# The first quarter of a film of each container, and one with its middle gone.
cuts()
{
    local name size
    for name in av1.mp4 vp8.webm b-pyramid.mkv open-gop.ts mpeg2.mpg flv.flv theora.ogv no-pts.avi raw.hevc; do
        size=$(stat -c %s "$FIXTURES/$name")
        hostile "cut-$name" damaged && head -c $((size / 4)) "$FIXTURES/$name" >"cut-$name"
    done
    size=$(stat -c %s "$FIXTURES/ntsc.mkv")
    hostile torn.mkv damaged && { head -c $((size / 3)) "$FIXTURES/ntsc.mkv"; tail -c $((size / 3)) "$FIXTURES/ntsc.mkv"; } >torn.mkv
}

names()
{
    local name
    for name in '-leading dash.mp4' "quote' \"and\" %04d [x]*?.mp4" $'line\nand \\ $(touch evil) `touch evil`.mp4'; do
        hostile "${name//$'\n'/\\n}" good
        cp "$FIXTURES/one-frame.mp4" "./$name"
    done
}

hostile_files()
{
    mkdir -p "$1" && (cd "$1" && : >expected.tsv && no_media && scripts && boxes && fields && endless_edits && bombs && cuts && names)
}
