#!/bin/bash
# What the command line promises: exit statuses, what is refused and left alone, hostile names,
# pipes, interrupts, JSON, and an HLS folder that holds together.
. tests/lib.sh
in=$FIXTURES/closed-gop.mp4
small=$FIXTURES/one-frame-tail.mp4
run=("$SPLITREEL" run)
json() { jq -e . "$1" >/dev/null || complain "$1 is no JSON: $(head -c 200 "$1")"; }

# Good ----------------------------------------------------------------------------------------------
plain()
{
    status 0 "${run[@]}" "$in" -o a.mp4 "${fast[@]}" && [ "$(pictures a.mp4)" = 250 ] && json a.report.json &&
        [ "$(jq -r .verdict a.report.json)" = PASS ] && is_clean && [ ! -s out.txt ]
}
by_i_and_two_dashes()
{
    status 0 "${run[@]}" -i "$small" -o b.mp4 -c:v libx264 -crf 30 --preset ultrafast -c:a aac -b:a 64k -s 160x90 -r 50 \
        --segment 1s -w 2 --progress none && [ "$(pictures b.mp4)" = 502 ]
}
m4a()
{
    status 0 "${run[@]}" "$in" -o c.m4a "${fast[@]}" &&
        [ "$(ffprobe -v error -show_entries stream=codec_type -of csv=p=0 c.m4a)" = audio ]
}
probe_json() { status 0 "$SPLITREEL" probe "$in" --json && json out.txt && [ ! -s err.txt ]; }
plan_json() { status 0 "$SPLITREEL" plan "$in" --json --segment 1s && json out.txt; }
report_on_stdout()
{
    status 0 "${run[@]}" "$small" -o d.mp4 --json "${fast[@]}" && json out.txt &&
        [ "$(jq -r .verdict out.txt)" = PASS ]
}
progress_json()
{
    status 0 "${run[@]}" "$small" -o e.mp4 -preset ultrafast --progress json --log-level off || return
    grep '^{' err.txt out.txt -h >lines.txt
    [ -s lines.txt ] || complain 'no JSON line' || return
    jq -es 'map(select(has("frame"))) | length > 0' lines.txt >/dev/null || { cat lines.txt; complain 'no line with frame'; }
}
overwritten_with_y()
{
    echo old >f.mp4
    status 0 "${run[@]}" "$small" -o f.mp4 -y "${fast[@]}" && [ "$(pictures f.mp4)" = 251 ]
}
manifest()
{
    printf '{"version": 1, "input": "%s", "output": "%s", // a comment\n "renditions": [{"id": "v", "codec": "h264", "preset": "ultrafast"}],\n "outputs": [{"type": "mp4", "path": "{name}-{id}.mp4", "use": ["v"]}]}' "$small" "$PWD/mf" >mf.json
    status 0 "${run[@]}" --manifest mf.json --progress none && [ "$(pictures mf/one-frame-tail-v.mp4)" = 251 ]
}

# What a copy of an object has no use for is not loaded (transcode/media_libs.h).
libav_when_needed()
{
    LD_DEBUG=files status 0 "$SPLITREEL" ls . && says libcurl && ! grep -q libav err.txt || complain 'ls loads libav' || return
    LD_DEBUG=files status 0 "$SPLITREEL" probe "$in" && says libavformat
}

# Refused: 2 ----------------------------------------------------------------------------------------
existing_is_untouched()
{
    echo old >g.mp4
    cp -p g.mp4 g.old
    status 2 "${run[@]}" "$small" -o g.mp4 "${fast[@]}" && says g.mp4 && same g.mp4 g.old &&
        status 2 "${run[@]}" "$small" -o g.mp4 -n "${fast[@]}" && same g.mp4 g.old && is_clean
}
usage()
{
    status 2 "${run[@]}" && status 2 "${run[@]}" "$in" && status 2 "${run[@]}" -o x.mp4 &&
        status 2 "${run[@]}" "$in" -o x.mp4 --no-such && status 2 "$SPLITREEL" no-such-verb &&
        status 2 "$SPLITREEL" && status 2 "${run[@]}" "$in" -o x.mp4 -crf 99 && status 2 "${run[@]}" "$in" -o x.mp4 -w 0 &&
        is_absent x.mp4
}
input_is_output() { cp "$small" h.mp4 && status 2 "${run[@]}" h.mp4 -o h.mp4 -y "${fast[@]}" && same h.mp4 "$small"; }
manifest_fault_has_path()
{
    printf '{"version": 1, "input": "a", "output": "b", "renditions": [{"id": "v", "codec": "h264", "crf": "high"}]}' >bad.json
    status 2 "${run[@]}" --manifest bad.json && says '$.renditions[0].crf' || return
    printf '{"version": 1, "input": "a", "output": "b", "segmnts": {}}' >bad.json
    status 2 "${run[@]}" --manifest bad.json && says 'segments' || return
    printf '{"version": 1,' >bad.json
    status 2 "${run[@]}" --manifest bad.json
}
target_bitrate() { status 3 "${run[@]}" "$in" -o x.mp4 -b:v 1M; says bitrate && is_absent x.mp4; }

# The input: 3 --------------------------------------------------------------------------------------
# refused FILE: 3 (or 2, a matter of usage), said with the file's name, nothing left.
refused()
{
    local got
    "${run[@]}" "$1" -o r.mp4 "${fast[@]}" >out.txt 2>err.txt
    got=$?
    [ "$got" -eq 3 ] || complain "exit status $got for $1: $(tail -n 1 err.txt)" || return
    says "${1##*/}" && is_absent r.mp4 && is_absent r.report.json && is_clean
}
unreadable()
{
    install -m 000 "$small" locked.mp4
    chmod 777 .
    local got
    "${nobody[@]}" "${run[@]}" locked.mp4 -o r.mp4 "${fast[@]}" >out.txt 2>err.txt
    got=$?
    [ "$got" -eq 3 ] || [ "$got" -eq 4 ] || complain "exit status $got: $(tail -n 1 err.txt)" || return
    says locked.mp4 && is_absent r.mp4
}
strict()
{
    status 3 "${run[@]}" "$FIXTURES/truncated.mp4" -o s.mp4 --strict "${fast[@]}" && is_absent s.mp4 &&
        status 0 "${run[@]}" "$FIXTURES/truncated.mp4" -o s.mp4 "${fast[@]}" && says damage &&
        [ "$(jq .damage_count s.report.json)" -gt 0 ]
}

# Storage: 4; verification: 5; limits: 7 ---------------------------------------------------------------
missing_folder()
{
    "${run[@]}" "$small" -o no/such/folder/x.mp4 "${fast[@]}" >out.txt 2>err.txt
    local got=$?
    if [ "$got" -eq 0 ]; then is_there no/such/folder/x.mp4; else
        [ "$got" -eq 4 ] || [ "$got" -eq 3 ] || [ "$got" -eq 2 ] || complain "exit status $got"
        says no/such/folder && is_absent no
    fi
}
no_space()
{
    mkdir full && mount -t tmpfs -o size=48k tmpfs full || return
    status 4 "${run[@]}" "$in" -o full/x.mp4 "${fast[@]}"
    local verdict=$?
    [ -z "$(find full -name 'x.mp4*')" ] || verdict=1
    umount full
    return "$verdict"
}
unverified()
{
    status 0 "${run[@]}" "$in" -o v.mp4 --segment 1s --keep --workspace vw "${fast[@]}" || return
    rm v.mp4 v.report.json
    local part
    part=$(ls vw/*.m4s | head -n 1)
    printf '\377\0\377\0' | dd of="$part" bs=1 seek=$(($(stat -c %s "$part") - 60)) conv=notrunc status=none
    status 5 "${run[@]}" "$in" -o v.mp4 --segment 1s --workspace vw "${fast[@]}" && says segment && is_absent v.mp4 &&
        is_absent v.report.json
}
limits()
{
    printf '{"version":1,"input":"a","output":"b","metadata":{"a":"' >big.json
    head -c 1100000 /dev/zero | tr '\0' x >>big.json
    printf '"}}' >>big.json
    status 7 "${run[@]}" --manifest big.json
}

# Names -----------------------------------------------------------------------------------------------
names=("-leading.mp4" "quote'and\"quote.mp4" "%04d%s%n.mp4" "brackets[x]{y}(z).mp4" $'new\nline.mp4' "Ünïcödé 日本.mp4"
    "semi;colon|pipe&.mp4" "file:x.mp4" "concat:a|b.mp4" " space .mp4" $'tab\t.mp4')
named()
{
    cp "$small" "./$1" && mkdir -p out && status 0 "${run[@]}" -i "$1" -o "out/$1" "${fast[@]}" || return
    [ "$(pictures "file:out/$1")" = 251 ] && jq -e . "out/${1%.mp4}.report.json" >/dev/null && rm -rf out "./$1"
}
as_operand() { cp "$small" ./-dash.mp4 && status 0 "${run[@]}" -o dash.mp4 "${fast[@]}" -- -dash.mp4 && is_there dash.mp4; }

# Pipes and signals -----------------------------------------------------------------------------------
stdout_closed()
{
    "${run[@]}" "$in" -o - "${fast[@]}" 2>err.txt | head -c 100 >/dev/null
    local got=${PIPESTATUS[0]}
    [ "$got" -eq 4 ] || [ "$got" -eq 141 ] || complain "exit status $got: $(cat err.txt)"
    is_clean
}
to_a_pipe()
{
    "${run[@]}" "$small" -o - "${fast[@]}" 2>err.txt | cat >piped.mp4
    [ "${PIPESTATUS[0]}" -eq 0 ] && [ "$(pictures piped.mp4)" = 251 ]
}
# Runs a job until its first segment is done, and sends it the signals.
interrupt()
{
    local pid
    "${run[@]}" "$FIXTURES/main-60s.mp4" -o i.mp4 --segment 2s --workspace iw -preset slow -w 1 --progress none 2>err.txt &
    pid=$!
    until ls iw/*.m4s >/dev/null 2>&1 || ! kill -0 "$pid" 2>/dev/null; do :; done
    for signal in "$@"; do kill "-$signal" "$pid" 2>/dev/null; done
    wait "$pid"
}
interrupted_once()
{
    interrupt INT
    local got=$?
    [ "$got" -eq 130 ] || complain "exit status $got: $(cat err.txt)" || return
    says 'the same command goes on' && is_absent i.mp4 || return
    local done_before
    done_before=$(ls iw/*.json | grep -cE '/[0-9a-f]{64}\.json$')
    [ "$done_before" -ge 1 ] || complain 'nothing was kept' || return
    ls -i iw | grep -E '[0-9a-f]{64}' | sort >before.txt
    status 0 "${run[@]}" "$FIXTURES/main-60s.mp4" -o i.mp4 --segment 2s --workspace iw -preset slow -w 2 --keep --progress none ||
        return
    ls -i iw | grep -E '[0-9a-f]{64}' | sort >after.txt
    [ -z "$(comm -23 before.txt after.txt)" ] || complain 'a finished segment was made again' || return
    [ "$(pictures i.mp4)" = 1500 ]
}
interrupted_twice()
{
    rm -rf iw i.mp4
    interrupt INT INT
    local got=$?
    [ "$got" -eq 130 ] || complain "exit status $got: $(cat err.txt)" || return
    is_absent i.mp4
}
terminated()
{
    rm -rf iw i.mp4
    interrupt TERM
    local got=$?
    [ "$got" -eq 143 ] || complain "exit status $got: $(cat err.txt)" || return
    is_absent i.mp4
}

# HLS -------------------------------------------------------------------------------------------------
hls()
{
    sed "s|IN|$in|" >hls.json <<'JSON'
{"version": 1, "input": "IN", "output": "x", "segments": {"target": "2s"},
 "renditions": [
   {"id": "big", "codec": "h264", "height": 180, "preset": "ultrafast"},
   {"id": "small", "codec": "h264", "height": 90, "preset": "ultrafast"},
   {"id": "aac", "codec": "aac", "bitrate": "96k"}],
 "outputs": [{"type": "hls", "path": ".", "use": ["big", "small", "aac"], "segment": "2s"}]}
JSON
    status 0 "${run[@]}" --manifest hls.json -o hls/ --progress none && json hls/report.json && is_clean
}
hls_master()
{
    local master=hls/master.m3u8
    [ "$(head -n 1 $master)" = '#EXTM3U' ] && says '#EXT-X-INDEPENDENT-SEGMENTS' $master || return
    [ "$(grep -c '^#EXT-X-STREAM-INF:' $master)" = 2 ] || complain 'not two variants' || return
    [ "$(grep -c '^#EXT-X-MEDIA:.*TYPE=AUDIO' $master)" = 1 ] || complain 'not one audio' || return
    local key
    for key in BANDWIDTH= AVERAGE-BANDWIDTH= 'CODECS="avc1.' RESOLUTION=320x180 RESOLUTION=160x90 FRAME-RATE=25 AUDIO=; do
        says "$key" $master || return
    done
    grep -oE 'BANDWIDTH=[0-9]+' $master >/dev/null
}
# Each media playlist: lengths sum up to the title's, none is longer than the target, all files are
# there, each begins with an IDR.
hls_playlists()
{
    local list folder target sum uri n
    for list in $(find hls -name '*.m3u8' ! -name master.m3u8); do
        folder=${list%/*}
        says '#EXT-X-ENDLIST' "$list" && says '#EXT-X-MAP:URI=' "$list" && says '#EXT-X-PLAYLIST-TYPE:VOD' "$list" || return
        target=$(sed -n 's/^#EXT-X-TARGETDURATION://p' "$list")
        sum=$(sed -n 's/^#EXTINF:\([0-9.]*\).*/\1/p' "$list" |
            awk -v target="$target" '{ s += $1; if (int($1 + 0.5) > target) bad = 1 } END { printf "%.2f %d", s, bad }')
        [ "${sum#* }" = 0 ] || complain "$list: longer than the target duration of $target" || return
        awk -v s="${sum% *}" 'BEGIN { exit !(s > 9.98 && s < 10.05) }' || complain "$list: lasts ${sum% *} s" || return
        n=0
        for uri in $(grep -v '^#' "$list") $(sed -n 's/.*MAP:URI="\([^"]*\)".*/\1/p' "$list"); do
            is_there "$folder/$uri" || return
            n=$((n + 1))
        done
        [ "$n" -ge 6 ] || complain "$list: $n files" || return
        case $list in *big* | *small*) hls_begins_with_idr "$list" "$folder" || return ;; esac
    done
}
hls_begins_with_idr()
{
    local init uri
    init=$2/$(sed -n 's/.*MAP:URI="\([^"]*\)".*/\1/p' "$1")
    for uri in $(grep -v '^#' "$1"); do
        cat "$init" "$2/$uri" >alone.mp4
        [ "$(ffprobe -v error -select_streams v -show_entries packet=flags -of csv=p=0 alone.mp4 | head -n 1 | cut -c 1)" = K ] &&
            ffmpeg -v error -i alone.mp4 -frames:v 1 -c copy -bsf:v h264_mp4toannexb -f h264 -y first.264 &&
            # NAL type 5 behind a start code, low five bits of its first byte.
            od -An -v -tx1 -w1 first.264 | awk '{ b = $1; if (p3 == "00" && p2 == "00" && p1 == "01" && (b ~ /[26]5/)) found = 1;
                p3 = p2; p2 = p1; p1 = b } END { exit !found }' || complain "$uri does not begin with an IDR" || return
    done
}
hls_plays()
{
    [ "$(pictures hls/master.m3u8)" = 250 ] || complain "$(pictures hls/master.m3u8) pictures" || return
    # The sound's offset to the picture, by the first packets' times.
    local v a
    v=$(ffprobe -v error -select_streams v:0 -show_entries stream=start_time -of csv=p=0 hls/master.m3u8 | grep -oE '[-0-9.]+' | head -n 1)
    a=$(ffprobe -v error -select_streams a:0 -show_entries stream=start_time -of csv=p=0 hls/master.m3u8 | grep -oE '[-0-9.]+' | head -n 1)
    awk -v v="$v" -v a="$a" 'BEGIN { d = v - a; exit !(d < 0.03 && d > -0.03) }' || complain "video at $v, audio at $a"
}

try 'cli: a file' plain
try 'cli: -i, one dash or two' by_i_and_two_dashes
try 'cli: m4a' m4a
try 'cli: probe --json' probe_json
try 'cli: plan --json' plan_json
try 'cli: --json' report_on_stdout
try 'cli: --progress json' progress_json
try 'cli: -y' overwritten_with_y
try 'cli: --manifest' manifest
try 'cli: libav is loaded when it is needed' libav_when_needed
try 'cli: an existing output stays' existing_is_untouched
try 'cli: usage is 2' usage
try 'cli: the input is no output' input_is_output
try 'cli: a fault of a manifest has a path' manifest_fault_has_path
try 'cli: a target bitrate is refused' target_bitrate
try 'cli: no input is 3' refused "$work/absent.mp4"
try 'cli: a folder is no input' refused "$FIXTURES"
for file in empty.mp4 text.mp4 playlist.mp4 concat.mp4 no-streams.mkv no-moov.mp4; do
    try "cli: hostile $file" refused "$FIXTURES/$file"
done
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
if [ "$(id -u)" -eq 0 ] && "${nobody[@]}" "${run[0]}" --version >/dev/null 2>&1; then
    try 'cli: an unreadable input' unreadable
else
    echo 'skip cli: an unreadable input (needs root, setpriv, and a program that others may run)'
fi
try 'cli: --strict' strict
try 'cli: output in a folder that is not there' missing_folder
if [ "$(id -u)" -eq 0 ] && mkdir "$work/probe" && mount -t tmpfs tmpfs "$work/probe" 2>/dev/null; then
    umount "$work/probe"
    try 'cli: no space is 4' no_space
else
    echo 'skip cli: no space is 4 (cannot mount a small disk)'
fi
try 'cli: not verified is 5' unverified
try 'cli: a limit is 7' limits
for name in "${names[@]}"; do try "cli: name $(printf %q "$name")" named "$name"; done
try 'cli: -- before the input' as_operand
try 'cli: standard output' to_a_pipe
try 'cli: standard output closed' stdout_closed
try 'cli: interrupted once' interrupted_once
try 'cli: interrupted twice' interrupted_twice
try 'cli: terminated' terminated
try 'cli: HLS' hls
try 'cli: HLS master playlist' hls_master
try 'cli: HLS media playlists' hls_playlists
try 'cli: HLS plays' hls_plays
finish
