# shellcheck shell=bash disable=SC2154
# Codecs and containers that are not H.264 in MP4.

fixture vp8.webm transcode 150 any - \
    "VP8 with alternate reference frames: packets that show nothing; Vorbis"
make:vp8.webm()
{
    ff -f lavfi -i "$(picture 320x180 25 6)" -f lavfi -i "$(tone 6)" -pix_fmt yuv420p \
        -c:v libvpx -deadline good -cpu-used 5 -auto-alt-ref 1 -lag-in-frames 16 -b:v 150k -g 50 \
        -c:a libvorbis -q:a 1 "${exact[@]}" "$1"
}

fixture vp9-altref.webm transcode 150 - - \
    "VP9 with alternate reference frames hidden in superframes"
make:vp9-altref.webm()
{
    ff -f lavfi -i "$(picture 320x180 25 6)" -pix_fmt yuv420p -c:v libvpx-vp9 -deadline good \
        -cpu-used 5 -row-mt 0 -tile-columns 0 -auto-alt-ref 1 -lag-in-frames 25 -b:v 150k -g 50 \
        "${exact[@]}" "$1"
}

fixture av1.mp4 transcode 100 - - "AV1 with hidden frames"
make:av1.mp4()
{
    ff -f lavfi -i "$(picture 320x180 25 4)" -pix_fmt yuv420p -c:v libaom-av1 -cpu-used 8 \
        -row-mt 0 -lag-in-frames 19 -crf 40 -b:v 0 -g 25 "${exact[@]}" "$1"
}

fixture mpeg2.ts transcode 200 any - "MPEG-2, open GOPs of 12, MP2 audio"
make:mpeg2.ts()
{
    ff -f lavfi -i "$(picture 320x192 25 8)" -f lavfi -i "$(tone 8)" -pix_fmt yuv420p \
        -c:v mpeg2video -q:v 6 -g 12 -bf 2 -sc_threshold 1000000000 -c:a mp2 -b:a 64k \
        "${exact[@]}" "$1"
}

fixture mpeg2.mpg transcode 100 any - \
    "MPEG-2 program stream, 29.97 fps, AC-3: few packets have times"
make:mpeg2.mpg()
{
    ff -f lavfi -i "$(picture 320x192 30000/1001 3.3367)" -f lavfi -i "$(tone 3.3367)" \
        -frames:v 100 -pix_fmt yuv420p -c:v mpeg2video -q:v 6 -g 15 -bf 2 \
        -sc_threshold 1000000000 -c:a ac3 -b:a 64k "${exact[@]}" "$1"
}

fixture prores.mov transcode 25 48000 - "ProRes: each frame a keyframe; PCM"
make:prores.mov()
{
    ff -f lavfi -i "$(picture 160x128 25 1)" -f lavfi -i "$(tone 1)" -pix_fmt yuv422p10le \
        -c:v prores_ks -profile:v 0 -c:a pcm_s16le "${exact[@]}" "$1"
}

fixture mjpeg.avi transcode 50 96000 - "Motion JPEG: each frame a keyframe, full range; PCM"
make:mjpeg.avi()
{
    ff -f lavfi -i "$(picture 160x128 25 2)" -f lavfi -i "$(tone 2)" -pix_fmt yuvj420p \
        -c:v mjpeg -q:v 5 -c:a pcm_s16le "${exact[@]}" "$1"
}

fixture ffv1.mkv transcode 50 96000 - "FFV1, lossless: exact pictures; FLAC"
make:ffv1.mkv()
{
    ff -f lavfi -i "$(picture 160x128 25 2)" -f lavfi -i "$(tone 2)" -pix_fmt yuv420p \
        -c:v ffv1 -level 3 -g 1 -c:a flac "${exact[@]}" "$1"
}

fixture theora.ogv transcode 100 any - \
    "Theora and Vorbis in Ogg: times by granule, packets without duration"
make:theora.ogv()
{
    ff -f lavfi -i "$(picture 320x192 25 4)" -f lavfi -i "$(tone 4)" -pix_fmt yuv420p \
        -c:v libtheora -q:v 5 -g 32 -c:a libvorbis -q:a 1 "${exact[@]}" "$1"
}

fixture flv.flv transcode 250 any closed-gop.mp4 "H.264 and AAC in FLV: times in milliseconds"
make:flv.flv() { ff -i "$2" -c copy "${exact[@]}" "$1"; }

fixture two-video.mkv transcode 250 any closed-gop.mp4 \
    "two video tracks: the default one is the second in the file and the larger"
make:two-video.mkv()
{
    ff -f lavfi -i "$(picture 160x128 30 5)" -i "$2" -map 0:v -map 1:v -map 1:a -c copy \
        -c:v:0 mpeg4 -q:v:0 5 -g:v:0 30 -pix_fmt:v:0 yuv420p \
        -disposition:v:0 0 -disposition:v:1 default "${exact[@]}" "$1"
}

fixture with-subs-and-data.mkv transcode 250 any closed-gop.mp4 "subtitles and an attached file"
make:with-subs-and-data.mkv()
{
    printf '%s\n' 1 '00:00:01,000 --> 00:00:03,000' first '' \
        2 '00:00:05,000 --> 00:00:07,500' second >s.srt
    echo "an attachment" >note.txt
    ff -i "$2" -i s.srt -map 0 -map 1 -c copy -c:s srt -attach note.txt \
        -metadata:s:t mimetype=text/plain -metadata:s:s language=eng "${exact[@]}" "$1"
}

fixture timecode.mov transcode 250 480000 closed-gop.mp4 \
    "a timecode data track and timed text in MOV"
make:timecode.mov()
{
    printf '1\n00:00:01,000 --> 00:00:03,000\nfirst\n' >s.srt
    ff -i "$2" -i s.srt -map 0 -map 1 -c copy -c:s mov_text -timecode 01:00:00:00 "${exact[@]}" "$1"
}

fixture cover-art.mp4 transcode 250 480000 closed-gop.mp4 "an attached picture beside the video"
make:cover-art.mp4()
{
    ff -f lavfi -i "testsrc2=s=128x128:r=1:d=1" -frames:v 1 -pix_fmt yuvj420p -c:v mjpeg \
        "${exact[@]}" cover.jpg
    ff -i "$2" -i cover.jpg -map 0 -map 1 -c copy -disposition:v:1 attached_pic "${exact[@]}" "$1"
}
