#!/bin/bash
# Spec: `splitreel verify OUT --against SRC --full` judges any file: a good one passes; one with a
# frame dropped, doubled or swapped, sound shifted by a codec frame or a byte changed does not, and
# the segment is named (of sound that is too short, the track). Of HLS every rendition is judged, and
# the playlists and files are held against each other.
. tests/lib.sh
in=$FIXTURES/closed-gop.mp4
verify=("$SPLITREEL" verify --against "$in" --full --segment 2s)
cook() { ffmpeg -nostdin -v error -y "$@"; }
anew=(-c:v libx264 -preset veryfast -crf 16 -bf 0 -threads 1 -c:a copy)

good()
{
    status 0 "$SPLITREEL" run "$in" -o good.mp4 --segment-mode keyframe --segment 2s -crf 18 "${fast[@]}" &&
        status 0 "${verify[@]}" good.mp4 && status 0 "${verify[@]}" good.mp4 --json && jq -e . out.txt >/dev/null
}
# caught NUMBER: bad.mp4 is refused, and the segment named.
caught() { status 5 "${verify[@]}" bad.mp4 && { cat out.txt >>err.txt; says "segment $1"; }; }
# The source against itself: a difference would be the verifier's.
the_source_itself() { status 0 "${verify[@]}" "$in"; }
dropped() { cook -i good.mp4 -vf "select='not(eq(n,130))'" -fps_mode passthrough "${anew[@]}" bad.mp4 && caught 3; }
doubled()
{
    cook -i good.mp4 -filter_complex '[0:v]split[a][b];[a][b]freezeframes=first=130:last=130:replace=129' "${anew[@]}" \
        -map 0:a bad.mp4 && caught 3
}
swapped()
{
    cook -i good.mp4 -filter_complex \
        "[0:v]split=3[a][b][c];[b]setpts=PTS+1/25/TB[late];[c]setpts=PTS-1/25/TB[early];
         [a][early]overlay=enable='eq(n,130)':eof_action=pass[x];[x][late]overlay=enable='eq(n,131)':eof_action=pass" \
        "${anew[@]}" -map 0:a bad.mp4 && caught 3
}
sound_late()
{
    cook -i good.mp4 -itsoffset 0.0213333 -i good.mp4 -map 0:v -map 1:a -c copy bad.mp4 && caught 1
}
sound_short()
{
    cook -i good.mp4 -map 0:v -map 0:a -c:v copy -af atrim=end_sample=478976 -c:a aac bad.mp4 &&
        status 5 "${verify[@]}" bad.mp4 && { cat out.txt >>err.txt; says '478976 samples, want 480000'; }
}
end_missing() { cook -t 9 -i good.mp4 -c copy bad.mp4 && caught 5; }
# The index in front still lists all of it; what is missing only decoding would tell.
cut_off()
{
    for bytes in 1 100000; do
        cp good.mp4 bad.mp4 && truncate -s "-$bytes" bad.mp4 || return
        status 5 "$SPLITREEL" verify bad.mp4 --against "$in" &&
            says "the file ends within \"mdat\": $bytes bytes are missing" out.txt || return
    done
}
corrupted()
{
    local at
    at=$(ffprobe -v error -select_streams v -show_entries packet=pos -of csv=p=0 good.mp4 | sed -n 131p)
    cp good.mp4 bad.mp4
    printf '\377\377\377\377\377\377\377\377' | dd of=bad.mp4 bs=1 seek=$((at + 20)) conv=notrunc status=none
    status 5 "${verify[@]}" bad.mp4 && { cat out.txt >>err.txt; says segment; }
}
another_film() { status 5 "$SPLITREEL" verify good.mp4 --against "$FIXTURES/open-gop.ts" --full; }

# spoil_account SECONDS: the document of the part that begins there answers for a packet too many.
spoil_account()
{
    local one
    for one in parts/*.json; do
        jq -e ".part | .kind == \"video\" and .start_pts == $1 * .timescale" "$one" >/dev/null 2>&1 || continue
        jq -c '.part.account.packets += 1' "$one" >spoilt.json && mv spoilt.json "$one" && return
    done
    complain "no part begins at $1 s"
}
# A job tells the first of what is wrong, and all of it in the report.
first_fault()
{
    local job=("$SPLITREEL" run "$in" -o first.mp4 --segment-mode keyframe --segment 2s --workspace parts --keep "${fast[@]}")
    status 0 "${job[@]}" && rm first.mp4 first.report.json && spoil_account 2 && spoil_account 6 && status 5 "${job[@]}" &&
        says 'segment 2, video: 51 packets' && is_absent first.mp4 &&
        jq -e '.verdict == "FAIL" and (.faults | length == 5)' parts/report.json >/dev/null
}

# HLS: two renditions and sound, segments of two seconds.
hls_made()
{
    printf '%s' '{"version": 1, "segments": {"mode": "grid"}, "renditions": [
        {"id": "a", "codec": "h264", "preset": "ultrafast"}, {"id": "b", "codec": "h264", "preset": "ultrafast", "height": 90},
        {"id": "c", "codec": "aac"}], "outputs": [{"type": "hls", "path": ".", "use": ["a", "b", "c"], "segment": "2s"}]}' >hls.json
    jq --arg in "$in" --arg out "$PWD/hls/" '.input = $in | .output = $out' hls.json >job.json
    status 0 "$SPLITREEL" run --manifest job.json --progress none && [ -s hls/b/seg_00005.m4s ] || complain 'no HLS'
}
hls_good()
{
    hls_made || return
    for one in hls hls/ hls/master.m3u8; do
        status 0 "$SPLITREEL" verify "$one" --against "$in" && says 'PASS: 500 frames' out.txt || return
    done
    status 0 "$SPLITREEL" verify hls --against "$in" --full && says 'PASS: 500 frames' out.txt && says '500 frames decoded' out.txt || return
    status 5 "$SPLITREEL" verify hls/b/media.m3u8 --against "$in" && says 'there is no sound' out.txt || return
    (cd hls && status 0 "$SPLITREEL" verify master.m3u8 --against "$in" --json && jq -e '.verdict == "PASS"' out.txt >/dev/null)
}
# bits FOLDER: of a track, in a second over its title.
bits()
{
    awk -v bytes="$(cat "$1"/seg_*.m4s | wc -c)" -F '[:,]' '/^#EXTINF/ { s += $2 } END { printf "%d", bytes * 8 / s }' "$1/media.m3u8"
}
# Sound of two formats, copied: a long track, and a short one with fewer bytes and more in each second.
hls_mixed()
{
    cook -i "$in" -map 0 -c copy -map 0:a -c:a:1 flac -filter:a:1 atrim=0:1 mixed.mkv || return
    jq --arg in "$PWD/mixed.mkv" --arg out "$PWD/mixed/" '.input = $in | .output = $out | .renditions[0].height = 90
        | .renditions = [.renditions[0], {id: "c", codec: "copy"}] | .outputs[0].use = ["a", "c"]' hls.json >job.json
    status 0 "$SPLITREEL" run --manifest job.json --progress none && status 0 "$SPLITREEL" verify mixed --against mixed.mkv || return
    says ',mp4a.40.2,fLaC"' mixed/master.m3u8 || return
    [ "$(sed -n 's/^#EXT-X-TARGETDURATION://p' mixed/*/media.m3u8 | uniq -c | xargs)" = '3 2' ] || complain 'target durations differ' || return
    [ "$(bits mixed/c_2)" -gt "$(bits mixed/c_1)" ] && [ "$(cat mixed/c_2/*.m4s | wc -c)" -lt "$(cat mixed/c_1/*.m4s | wc -c)" ] ||
        complain 'the short one is not what it should be' || return
    local average
    average=$(sed -n 's/.*AVERAGE-BANDWIDTH=\([0-9]*\).*/\1/p' mixed/master.m3u8)
    [ "$average" -ge $(($(bits mixed/a) + $(bits mixed/c_2))) ] || complain "AVERAGE-BANDWIDTH=$average"
}
# hls_caught WORDS COMMAND...: what the command does to the folder bad is caught and named.
hls_caught()
{
    local words=$1
    shift
    rm -rf bad && cp -r hls bad && (cd bad && "$@") || complain 'nothing was spoilt' || return
    status 5 "$SPLITREEL" verify bad --against "$in" "${full[@]}" && says "$words" out.txt && says FAIL out.txt
}
full=()
drop_line() { sed -i "/^#EXTINF/{N;/$2/d}" "$1"; }
exchange() { mv "$1" x && mv "$2" "$1" && mv x "$2"; }
spoil() # FILE OFFSET
{
    printf '\377\377\377\377\377\377\377\377' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
hls_files()
{
    hls_caught 'b/seg_00003.m4s: it is missing' rm b/seg_00003.m4s || return
    hls_caught 'c/init.mp4: it is missing' rm c/init.mp4 && hls_caught 'a/media.m3u8: it is missing' rm a/media.m3u8 || return
    hls_caught 'a/seg_00002.m4s: it ends within a box' truncate -s -100 a/seg_00002.m4s || return
    hls_caught 'a/seg_00002.m4s: it holds no sample' truncate -s 0 a/seg_00002.m4s || return
    hls_caught 'b/seg_00002.m4s: it begins 2.000 s after' exchange b/seg_00002.m4s b/seg_00003.m4s || return
    hls_caught 'c/seg_00003.m4s: it begins 2' exchange c/seg_00004.m4s c/seg_00003.m4s || return
    rm -rf bad && mkdir bad && status 3 "$SPLITREEL" verify bad --against "$in" && says master.m3u8 &&
        status 3 "$SPLITREEL" verify absent.m3u8 --against "$in" && status 3 "$SPLITREEL" verify hls --against absent &&
        status 3 "$SPLITREEL" verify http://127.0.0.1:1/master.m3u8 --against "$in" && says 'not where it is served'
}
hls_lines()
{
    hls_caught 'b/seg_00004.m4s: it begins 2.000 s after' drop_line b/media.m3u8 seg_00003 || return
    hls_caught 'pictures are missing from 8.000 s on' drop_line a/media.m3u8 seg_00005 || return
    hls_caught 'c/seg_00001.m4s: it lasts' sed -i '0,/EXTINF:[0-9.]*/s//EXTINF:2.500/' c/media.m3u8 || return
    hls_caught 'a/seg_00001.m4s: it lasts 2.000 s, the playlist says 1.960 s' sed -i '0,/EXTINF:[0-9.]*/s//EXTINF:1.96/' a/media.m3u8 || return
    hls_caught 'a/seg_00001.m4s: 2.000 s, the target duration is 1 s' sed -i 's/DURATION:2/DURATION:1/' a/media.m3u8 || return
    hls_caught 'b/media.m3u8: its target duration is 3 s, that of c/media.m3u8 2 s' sed -i 's/DURATION:2/DURATION:3/' b/media.m3u8 || return
    hls_caught 'b/media.m3u8: the last tag has no URI' sed -i /seg_00005/d b/media.m3u8 || return
    hls_caught 'b/media.m3u8: line 13: the tag before it has no URI' sed -i /seg_00003/d b/media.m3u8 || return
    hls_caught 'master.m3u8: the last tag has no URI' sed -i '/^b/d' master.m3u8 || return
    hls_caught 'b/media.m3u8: it has no end' sed -i /ENDLIST/d b/media.m3u8 || return
    hls_caught 'wants the sound "audio"' sed -i /EXT-X-MEDIA/d master.m3u8 && says 'there is no sound' out.txt || return
    hls_caught 'this is no playlist' spoil b/media.m3u8 0
}
# Control characters of a playlist do not reach the terminal.
hls_escapes()
{
    hls_caught 'wants the sound "\x1B[31mx"' sed -i 's/AUDIO="audio"/AUDIO="\x1b[31mx"/' master.m3u8 &&
        hls_caught '/\x1B[31mb/media.m3u8: leaves the folder' sed -i 's#^b/media#/\x1b[31m&#' master.m3u8 || return
    # nor does what is no UTF-8 keep a verdict from being JSON
    LC_ALL=C sed -i 's#^a/media#/\xff&#' bad/master.m3u8 && status 5 "$SPLITREEL" verify bad --against "$in" --json &&
        jq -e 'any(.findings[].message; test("leaves the folder"))' out.txt >/dev/null
}
# One track of sound for two groups, and a group whose sound is in its variants.
hls_groups()
{
    rm -rf bad && cp -r hls bad && sed -i '/EXT-X-MEDIA/{p;s/"audio"/"other"/;p;s/"other"/"within"/;s/,URI=.*//}
        s/AUDIO="audio"/AUDIO="other"/' bad/master.m3u8 && status 0 "$SPLITREEL" verify bad --against "$in" || return
    sed -i 's/AUDIO="other"/AUDIO="within"/' bad/master.m3u8 && status 0 "$SPLITREEL" verify bad --against "$in"
}
# Four thousand million years: a clock of one tick a second, and a fragment of 2^57 ticks.
last_for_ever()
{
    printf '\0\0\0\1' | dd of=b/init.mp4 bs=1 seek=$(($(grep -abo mdhd b/init.mp4 | cut -d : -f 1) + 16)) conv=notrunc status=none
    printf '\0\0\0\110moof\0\0\0\100traf\0\0\0\24tfhd\0\0\0\10\0\0\0\1\200\0\0\0\0\0\0\24tfdt\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20trun\0\0\0\0\4\0\0\0' >b/seg_00001.m4s
}
hls_long() { hls_caught 'b/seg_00001.m4s: it lasts' last_for_ever; }
# Names that lead elsewhere: nothing of it is opened, though it is there.
hls_elsewhere()
{
    rm -rf other && cp -r hls other || return
    for name in ../other/b/media.m3u8 "$PWD/other/b/media.m3u8" %2e%2e/other/b/media.m3u8 "file://$PWD/other/b/media.m3u8"; do
        hls_caught 'leaves the folder' sed -i "s#^b/media.m3u8#$name#" master.m3u8 || return
    done
    hls_caught 'b/media.m3u8: line 9: ../../other/b/seg_00001.m4s: leaves the folder' \
        sed -i 's#^seg_00001#../../other/b/&#' b/media.m3u8 || return
    hls_caught 'leaves the folder' sed -i 's#init.mp4#../../other/a/&#' a/media.m3u8 || return
    # whoever puts a link into the folder wants it followed
    rm -rf bad && cp -r hls bad && ln -sf ../../other/b/seg_00003.m4s bad/b/seg_00003.m4s && status 0 "$SPLITREEL" verify bad --against "$in"
}
# What only decoding tells, of the rendition that it is in.
hls_content()
{
    full=(--full)
    hls_caught 'b/media.m3u8: segment 3: ' cp a/seg_00003.m4s b/seg_00003.m4s || return
    hls_caught 'a/media.m3u8: segment 4: ' spoil a/seg_00004.m4s 4000
}

# Segments of a damaged source that have no picture: the playlist says how long the last file with one is.
hls_no_end()
{
    local source=$FIXTURES/truncated.mp4
    jq --arg in "$source" --arg out "$PWD/short/" '.input = $in | .output = $out | .segments.target = "2s"' hls.json >job.json
    status 0 "$SPLITREEL" run --manifest job.json --progress none && [ "$(grep -c '#EXTINF:2.000000' short/a/media.m3u8)" -eq 3 ] ||
        complain 'other lengths' || return
    status 0 "$SPLITREEL" verify short --against "$source" --full
}

try 'verify: a good output' good
try 'verify: the source itself' the_source_itself
try 'verify: a frame dropped' dropped
try 'verify: a frame doubled' doubled
try 'verify: two frames swapped' swapped
try 'verify: sound a codec frame late' sound_late
try 'verify: sound too short' sound_short
try 'verify: the end is missing' end_missing
try 'verify: the file is cut off' cut_off
try 'verify: a packet corrupted' corrupted
try 'verify: another film' another_film
try 'job: the first fault is told' first_fault
try 'verify: HLS, all of it' hls_good
try 'HLS: sound of two formats' hls_mixed
try 'verify: HLS, files that are not right' hls_files
try 'verify: HLS, playlists that are not right' hls_lines
try 'verify: HLS, escapes to a terminal' hls_escapes
try 'verify: HLS, sound of several groups' hls_groups
try 'verify: HLS, a segment that lasts for ever' hls_long
try 'verify: HLS, names that lead elsewhere' hls_elsewhere
try 'verify: HLS, spoilt pictures' hls_content
try 'verify: HLS, no picture at the end' hls_no_end
finish
