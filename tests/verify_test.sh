#!/bin/bash
# Spec: `splitreel verify OUT --against SRC --full` judges any file: a good one passes; one with a
# frame dropped, doubled or swapped, sound shifted by a codec frame or a byte changed does not, and
# the segment is named (of sound that is too short, the track).
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
corrupted()
{
    local at
    at=$(ffprobe -v error -select_streams v -show_entries packet=pos -of csv=p=0 good.mp4 | sed -n 131p)
    cp good.mp4 bad.mp4
    printf '\377\377\377\377\377\377\377\377' | dd of=bad.mp4 bs=1 seek=$((at + 20)) conv=notrunc status=none
    status 5 "${verify[@]}" bad.mp4 && { cat out.txt >>err.txt; says segment; }
}
another_film() { status 5 "$SPLITREEL" verify good.mp4 --against "$FIXTURES/open-gop.ts" --full; }

try 'verify: a good output' good
try 'verify: the source itself' the_source_itself
try 'verify: a frame dropped' dropped
try 'verify: a frame doubled' doubled
try 'verify: two frames swapped' swapped
try 'verify: sound a codec frame late' sound_late
try 'verify: sound too short' sound_short
try 'verify: the end is missing' end_missing
try 'verify: a packet corrupted' corrupted
try 'verify: another film' another_film
finish
