# shellcheck shell=bash disable=SC2154
# When pictures and sound are shown.

# Irregular times in ms: steps of 20, 40, 30, 90, 33, ... and a hole of 2 s after frame 59.
vfr_pts="setpts='(40*N+floor(mod(N*N*7,23))+if(gt(N,59),2000,0))/1000/TB'"
recipe_helpers+=(vfr_pts)

fixture vfr.mp4 transcode 150 384000 - "irregular frame times with a hole of 2 s, MP4"
make:vfr.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(picture 320x180 25 6),settb=1/1000,$vfr_pts" -f lavfi -i "$(tone 8)" \
        -fps_mode passthrough -enc_time_base 1:1000 -video_track_timescale 90000 \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" "$1"
}

fixture vfr.mkv transcode 150 any - "irregular frame times with a hole of 2 s, open GOPs, Matroska"
make:vfr.mkv()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=4 open-gop=1)
    ff -f lavfi -i "$(picture 320x180 25 6),settb=1/1000,$vfr_pts" -f lavfi -i "$(tone 8)" \
        -fps_mode passthrough -enc_time_base 1:1000 \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" "$1"
}

fixture ntsc.mkv transcode 240 any - \
    "30000/1001 in Matroska: times rounded to milliseconds, yet constant"
make:ntsc.mkv()
{
    mapfile -t video < <(x264 keyint=30 min-keyint=30 bframes=2)
    ff -f lavfi -i "$(picture 320x180 30000/1001 8.008)" -f lavfi -i "$(tone 8.008)" \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" "$1"
}

fixture edit-list.mp4 transcode 187 359040 closed-gop.mp4 \
    "starts in the middle of a GOP by edit list: pictures before it are stored but not shown"
make:edit-list.mp4() { ff -ss 2.52 -i "$2" -c copy "${exact[@]}" "$1"; }

fixture empty-edit.mp4 transcode 250 480000 closed-gop.mp4 \
    "empty edit: video starts 0.8 s after audio"
make:empty-edit.mp4()
{
    ff -itsoffset 0.8 -i "$2" -i "$2" -map 0:v -map 1:a -c copy "${exact[@]}" "$1"
}

fixture late-audio.mp4 transcode 250 481024 closed-gop.mp4 \
    "audio starts 1.278 s after video, its 1024 samples of priming not signalled"
make:late-audio.mp4()
{
    ff -i "$2" -itsoffset 1.3 -i "$2" -map 0:v -map 1:a -c copy "${exact[@]}" "$1"
}

fixture early-audio.ts transcode 250 any closed-gop.mp4 "audio starts 0.7 s before video"
make:early-audio.ts()
{
    ff -itsoffset 0.7 -i "$2" -i "$2" -map 0:v -map 1:a -c copy "${exact[@]}" "$1"
}

fixture negative-start.mkv transcode 250 any closed-gop.mp4 "Opus pre-skip: audio starts at -7 ms"
make:negative-start.mkv()
{
    ff -i "$2" -f lavfi -i "$(tone 10)" -map 0:v -map 1:a -c:v copy \
        -c:a libopus -b:a 32k "${exact[@]}" "$1"
}

fixture missing-times.mkv transcode 250 any closed-gop.mp4 \
    "times begin below zero, which a Matroska block cannot say: the first packets have none"
make:missing-times.mkv()
{
    ff -i "$2" -c copy -output_ts_offset -0.2 -avoid_negative_ts disabled "${exact[@]}" "$1"
}

fixture negative-cts.mp4 transcode 250 480000 closed-gop.mp4 \
    "negative composition offsets instead of an edit list for the reorder delay"
make:negative-cts.mp4() { ff -i "$2" -c copy -movflags +negative_cts_offsets "${exact[@]}" "$1"; }

fixture late-fragments.mp4 transcode 125 any closed-gop.mp4 \
    "header, then the fragments from 5 s on, as a player that joins late has them; no edit list"
make:late-fragments.mp4()
{
    ff -i "$2" -c copy -movflags +frag_keyframe+empty_moov+default_base_moof+skip_trailer \
        "${exact[@]}" whole.mp4
    local -a moof  # where each fragment starts: the size field before its name
    mapfile -t moof < <(grep -obUa moof whole.mp4 | cut -d: -f1)
    head -c $((moof[0] - 4)) whole.mp4 >"$1"
    tail -c +$((moof[5] - 3)) whole.mp4 >>"$1"
}

fixture ts-gap.ts transcode 250 any closed-gop.mp4 "all times jump 5 s ahead in the middle"
make:ts-gap.ts()
{
    local jump='if(gte(N\,125)\,450000\,0)' audio_jump='if(gte(PTS\,450000)\,450000\,0)'
    ff -i "$2" -c copy -bsf:v "setts=pts=PTS+$jump:dts=DTS+$jump" \
        -bsf:a "setts=pts=PTS+$audio_jump:dts=DTS+$audio_jump" "${exact[@]}" "$1"
}

fixture ts-restart.ts transcode 250 any closed-gop.mp4 \
    "two recordings joined byte for byte: times go back to the start in the middle"
make:ts-restart.ts()
{
    ff -i "$2" -t 5 -c copy -frames:v 125 "${exact[@]}" a.ts
    ff -ss 5 -i "$2" -c copy "${exact[@]}" b.ts
    cat a.ts b.ts >"$1"
}

fixture pts-wrap.ts transcode 250 any closed-gop.mp4 "times cross 2^33 in the middle"
make:pts-wrap.ts() { ff -i "$2" -c copy -output_ts_offset 95438 "${exact[@]}" "$1"; }

fixture no-timestamps.h264 transcode 200 - - "raw Annex B with B-frames: no times at all"
make:no-timestamps.h264()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=3 b-pyramid=normal)
    ff -f lavfi -i "$(picture 320x180 25 8)" "${video[@]}" -pix_fmt yuv420p "${exact[@]}" "$1"
}

fixture raw.hevc transcode 250 - open-gop-hevc.mp4 "raw HEVC, open GOPs: no times at all"
make:raw.hevc() { ff -i "$2" -an -c copy "${exact[@]}" "$1"; }

fixture no-pts.avi transcode 250 any closed-gop.mp4 \
    "H.264 with B-frames in AVI: no presentation times"
make:no-pts.avi()
{
    ff -i "$2" -f lavfi -i "$(tone 10 44100)" -map 0:v -map 1:a -c:v copy -bsf:v h264_mp4toannexb \
        -c:a libmp3lame -b:a 48k "${exact[@]}" "$1"
}

fixture no-ctts.mp4 transcode 250 - closed-gop.mp4 \
    "H.264 with B-frames in MP4 without composition offsets: decode times in place of presentation times"
make:no-ctts.mp4()
{
    ff -i "$2" -an -c copy -bsf:v setts=pts=DTS -use_editlist 0 "${exact[@]}" "$1"
}

fixture no-ctts-edit.mp4 transcode 248 - closed-gop.mp4 \
    "the same, and an edit list that begins at the third picture, whichever ffmpeg drops"
make:no-ctts-edit.mp4() { ff -i "$2" -an -c copy -bsf:v setts=pts=DTS "${exact[@]}" "$1"; }

fixture no-ctts-mpeg4.mp4 transcode 100 - - "the same, MPEG-4 ASP"
make:no-ctts-mpeg4.mp4()
{
    ff -f lavfi -i "$(picture 320x192 25 4)" -pix_fmt yuv420p -c:v mpeg4 -q:v 6 -bf 2 -g 25 \
        -bsf:v setts=pts=DTS -use_editlist 0 "${exact[@]}" "$1"
}

fixture packed-mpeg4.avi transcode 199 - - \
    "MPEG-4 ASP with packed B-frames: two pictures in one packet, then an empty one"
make:packed-mpeg4.avi()
{
    # The encoder keeps its last two pictures to itself; after 201 the file ends with whole groups.
    ff -f lavfi -i "$(picture 320x192 25 9)" -frames:v 201 -pix_fmt yuv420p \
        -c:v libxvid -q:v 6 -bf 2 -g 25 "${exact[@]}" "$1"
}

fixture packed-mpeg4.mp4 transcode 199 - packed-mpeg4.avi \
    "the same copied into MP4: times rise in decode order though there are B pictures"
make:packed-mpeg4.mp4() { ff -i "$2" -c copy "${exact[@]}" "$1"; }

fixture fragmented.mp4 transcode 250 480000 closed-gop.mp4 \
    "fragments, one per GOP, edit lists in a moov that knows no samples"
make:fragmented.mp4()
{
    ff -i "$2" -c copy -movflags +frag_keyframe+empty_moov+delay_moov "${exact[@]}" "$1"
}

fixture starts-mid-gop.ts transcode 220 any open-gop.ts \
    "a recording that begins inside a GOP: what comes before the first keyframe cannot be decoded"
make:starts-mid-gop.ts()
{
    local count=$(($(stat -c %s "$2") / 188))
    packets "$2" $((count / 15)) "$count" >"$1"
}
