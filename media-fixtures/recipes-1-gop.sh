# shellcheck shell=bash disable=SC2154
# How pictures refer to each other, and what the container says about it.

fixture closed-gop.mp4 transcode 250 480000 - \
    "the plain case: H.264, closed GOPs of 1 s, B-frames, AAC"
make:closed-gop.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2 open-gop=0)
    ff -f lavfi -i "$(picture 320x180 25 10)" -f lavfi -i "$(tone 10)" \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" "$1"
}

fixture main-60s.mp4 transcode 1500 2880000 - \
    "exactness: 60 s, 1500 frames, OPEN GOPs of 2 s, B-pyramid, AAC of 2,880,000 samples"
make:main-60s.mp4()
{
    mapfile -t video < <(x264 keyint=50 min-keyint=50 bframes=4 b-pyramid=normal open-gop=1)
    ff -f lavfi -i "$(picture 320x180 25 60)" -f lavfi -i "$(tone 60)" \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" -movflags +faststart "$1"
}

fixture open-gop.ts transcode 250 any - \
    "open GOPs found by scanning: each GOP's leading pictures belong to the segment before"
make:open-gop.ts()
{
    mapfile -t video < <(x264 keyint=30 min-keyint=30 bframes=4 b-pyramid=normal open-gop=1)
    ff -f lavfi -i "$(picture 320x180 25 10)" -f lavfi -i "$(tone 10)" \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" "$1"
}

fixture open-gop-hevc.mp4 transcode 250 480000 - "HEVC with CRA keyframes and RASL pictures"
make:open-gop-hevc.mp4()
{
    ff -f lavfi -i "$(picture 320x180 25 10)" -f lavfi -i "$(tone 10)" -pix_fmt yuv420p \
        -c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params "crf=30:keyint=40:min-keyint=40:\
open-gop=1:bframes=3:b-adapt=0:scenecut=0:pools=none:frame-threads=1:log-level=error" \
        "${aac[@]}" "${exact[@]}" "$1"
}

fixture closed-gop-hevc.mkv transcode 100 - - "HEVC with IDR keyframes and RADL pictures"
make:closed-gop-hevc.mkv()
{
    ff -f lavfi -i "$(picture 320x180 25 4)" -pix_fmt yuv420p \
        -c:v libx265 -preset ultrafast -x265-params "crf=30:keyint=25:min-keyint=25:open-gop=0:\
radl=2:bframes=3:b-adapt=0:scenecut=0:pools=none:frame-threads=1:log-level=error" "${exact[@]}" "$1"
}

fixture b-pyramid.mkv transcode 200 - - \
    "deep reordering: 7 B-frames in a pyramid, Matroska (no dts)"
make:b-pyramid.mkv()
{
    mapfile -t video < <(x264 keyint=40 min-keyint=40 bframes=7 b-pyramid=normal ref=4 open-gop=0)
    ff -f lavfi -i "$(picture 320x180 25 8)" "${video[@]}" -pix_fmt yuv420p "${exact[@]}" "$1"
}

fixture one-keyframe.mp4 transcode 250 480000 - "no second keyframe in 10 s: cannot be split"
make:one-keyframe.mp4()
{
    mapfile -t video < <(x264 keyint=infinite bframes=3)
    ff -f lavfi -i "$(picture 320x180 25 10)" -f lavfi -i "$(tone 10)" \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" "$1"
}

fixture one-frame-tail.mp4 transcode 251 - - \
    "the last GOP has one frame: a tail too short to stand alone"
make:one-frame-tail.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(picture 320x180 25 11)" -frames:v 251 \
        "${video[@]}" -pix_fmt yuv420p "${exact[@]}" "$1"
}

fixture one-frame.mp4 transcode 1 - - "one frame in all"
make:one-frame.mp4()
{
    mapfile -t video < <(x264 keyint=25)
    ff -f lavfi -i "$(picture 320x180 25 1)" -frames:v 1 \
        "${video[@]}" -pix_fmt yuv420p "${exact[@]}" "$1"
}

fixture gop-kind-changes.mp4 transcode 300 - - \
    "closed GOPs for 6 s, then open ones: the start of a file does not tell its rest"
make:gop-kind-changes.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=1 bframes=4 b-pyramid=normal open-gop=1)
    ff -f lavfi -i "$(picture 320x180 25 12)" "${video[@]}" -pix_fmt yuv420p \
        -forced-idr 1 -force_key_frames 'expr:lt(n,150)*not(mod(n,25))' "${exact[@]}" "$1"
}

fixture recovery-point.mp4 transcode 200 - - \
    "intra refresh: one IDR, then only recovery points, the picture renewed column by column"
make:recovery-point.mp4()
{
    mapfile -t video < <(x264 keyint=40 min-keyint=40 bframes=0 intra-refresh=1)
    ff -f lavfi -i "$(picture 320x192 25 8)" "${video[@]}" -pix_fmt yuv420p "${exact[@]}" "$1"
}

# Another scene, of less contrast, for two frames in each second: x264 answers cuts closer than
# min-keyint with I pictures that are no IDR and have no recovery point; later pictures still refer
# to those before. (A low contrast, because the band of the number must differ too.)
fixture plain-i.mkv transcode 200 - - \
    "I pictures each second that are no random access points, and one keyframe: cannot be split"
make:plain-i.mkv()
{
    local now='gt(n,1)*lt(mod(n,25),2)'
    local other="mandelbrot=s=320x180:r=25:end_pts=800,trim=end_frame=200"
    ff -f lavfi -i "testsrc2=s=320x180:r=25:d=8[a];${other}[b];
        [a][b]overlay=enable='$now',$(barcode),
        lutyuv=y=val/3+100:enable='$now'" -pix_fmt yuv420p \
        -c:v libx264 -preset veryfast -crf 28 -x264-params "threads=1:scenecut=100:keyint=1000:\
min-keyint=500:bframes=0:b-adapt=0:ref=4:weightp=0:rc-lookahead=8:mbtree=0" "${exact[@]}" "$1"
}

fixture bad-key-flags.mkv transcode 200 - plain-i.mkv \
    "the same, blocks of plain I pictures flagged as keyframes: a decode from there is wrong"
make:bad-key-flags.mkv()
{
    cp "$2" "$1"
    "$FFPROBE" -v error -select_streams v -of csv=p=0 \
        -show_entries frame=key_frame,pkt_pos,pict_type "$2" >frames
    # pkt_pos is where a block's payload starts: track (1 byte), time (2), flags (1).
    local key position type
    while IFS=, read -r key position type _; do
        [ "$type" = I ] && [ "$key" = 0 ] || continue
        patch_byte "$1" $((position + 3)) 200
    done <frames
}

# Intra refresh without its recovery points: the muxers still mark each start of a refresh.
unmarked_refresh()
{
    mapfile -t video < <(x264 keyint=40 min-keyint=40 bframes=0 intra-refresh=1)
    ff -f lavfi -i "$(picture 320x192 25 8)" "${video[@]}" -pix_fmt yuv420p \
        -bsf:v filter_units=remove_types=6 "${exact[@]}" "$1"
}
recipe_helpers+=(unmarked_refresh)

fixture bad-sync-samples.mp4 transcode 200 - - \
    "sync samples that are P pictures without a recovery point: only the first is a keyframe"
make:bad-sync-samples.mp4() { unmarked_refresh "$1"; }

fixture bad-cues.mkv transcode 200 - - \
    "the same in Matroska: cues that name no random access points"
make:bad-cues.mkv() { unmarked_refresh "$1"; }

fixture all-key.mp4 transcode 250 480000 closed-gop.mp4 \
    "no sync sample table, so the index calls every sample a keyframe; one in 25 is"
make:all-key.mp4() { sed 's/stss/free/' "$2" >"$1"; }
