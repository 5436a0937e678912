#!/bin/bash
# tests/fuzz/make-seeds.sh FOLDER - small media files for the probe and index fuzzers to begin with,
# made by ffmpeg: most containers and codecs, a few pictures each, none above 20 KB.
set -euo pipefail
out=${1:?the folder to fill}
mkdir -p "$out"

# seed NAME OPTION...: nine pictures of 64x64 and a tone, encoded and packed as the options say.
seed()
{
    local name=$1
    shift
    ffmpeg -nostdin -hide_banner -loglevel error -y -f lavfi -i testsrc2=s=64x64:r=25:d=0.36 \
        -f lavfi -i sine=f=440:r=48000:d=0.36 "$@" -fflags +bitexact -flags:v +bitexact \
        -flags:a +bitexact -threads 1 "$out/$name"
    [ "$(stat -c %s "$out/$name")" -le 20480 ] || { echo "$name is too large" >&2; exit 1; }
}

h264=(-c:v libx264 -preset veryfast -crf 40 -g 4 -x264-params 'bframes=2:b-adapt=0:scenecut=0')
open=(-c:v libx264 -preset veryfast -crf 40 -g 4
    -x264-params 'bframes=2:b-adapt=0:scenecut=0:open-gop=1')
hevc=(-c:v libx265 -preset ultrafast -crf 40 -x265-params 'keyint=4:bframes=2:log-level=error')
aac=(-c:a aac -b:a 32k)

seed h264-aac.mp4 "${h264[@]}" "${aac[@]}"
seed open-gop.mp4 "${open[@]}" -an
seed edit-list.mp4 -ss 0.1 "${h264[@]}" -an -movflags +faststart
seed fragments.mp4 "${h264[@]}" "${aac[@]}" -movflags +frag_keyframe+empty_moov+default_base_moof
seed hevc.mp4 "${hevc[@]}" -tag:v hvc1 -an
seed mpeg4.mov -c:v mpeg4 -q:v 31 -bf 1 -g 4 -c:a pcm_alaw -ac 1 -ar 8000
seed h264.mkv "${h264[@]}" "${aac[@]}"
seed hevc.mkv "${hevc[@]}" -an
seed vp8.webm -c:v libvpx -deadline realtime -auto-alt-ref 1 -g 4 -b:v 50k -an
seed vp9.webm -c:v libvpx-vp9 -deadline realtime -g 4 -b:v 50k -c:a libopus -b:a 16k
seed av1.mp4 -c:v libaom-av1 -cpu-used 8 -crf 60 -g 4 -an
seed h264.ts "${open[@]}" "${aac[@]}"
seed mpeg2.ts -c:v mpeg2video -bf 2 -g 4 -b:v 100k -c:a mp2 -b:a 32k
seed mpeg2.mpg -c:v mpeg2video -bf 2 -g 4 -b:v 100k -an
seed h264.h264 "${open[@]}" -an
seed hevc.hevc "${hevc[@]}" -an
seed h264.avi "${h264[@]}" -an
seed packed.avi -c:v mpeg4 -bf 2 -g 4 -vtag DIVX -an
seed mjpeg.avi -c:v mjpeg -q:v 31 -an
seed h264.flv "${h264[@]}" "${aac[@]}"
seed theora.ogv -c:v libtheora -g 4 -q:v 0 -c:a libvorbis -ac 1 -ar 16000
seed audio.aac -vn "${aac[@]}"
seed audio.mp3 -vn -c:a libmp3lame -b:a 32k
seed audio.flac -vn -c:a flac -ar 8000
seed audio.wav -vn -c:a pcm_s16le -ar 8000
seed audio.m4a -vn "${aac[@]}"
seed audio.mka -vn -c:a ac3 -b:a 64k
printf '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n' >"$out/hls.m3u8"
printf "ffconcat version 1.0\nfile '/etc/passwd'\n" >"$out/concat.txt"
