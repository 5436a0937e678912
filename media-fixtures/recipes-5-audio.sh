# shellcheck shell=bash disable=SC2154
# Sound: alone, many tracks, many channels, odd rates, holes.

fixture audio-only.m4a audio - 192000 - "no video; priming in the edit list"
make:audio-only.m4a() { ff -f lavfi -i "$(tone 4)" "${aac[@]}" "${exact[@]}" "$1"; }

fixture audio-only.flac audio - 176400 - "no video; 44.1 kHz, raw FLAC"
make:audio-only.flac() { ff -f lavfi -i "$(tone 4 44100)" -c:a flac "${exact[@]}" "$1"; }

fixture audio-only.mp3 audio - 176400 - "no video; delay and padding in the LAME header"
make:audio-only.mp3()
{
    ff -f lavfi -i "$(tone 4 44100)" -c:a libmp3lame -b:a 64k "${exact[@]}" "$1"
}

fixture cover-art.m4a audio - 192000 audio-only.m4a "an attached picture is not a video"
make:cover-art.m4a()
{
    ff -f lavfi -i "testsrc2=s=128x128:r=1:d=1" -frames:v 1 -pix_fmt yuvj420p -c:v mjpeg \
        "${exact[@]}" cover.jpg
    ff -i "$2" -i cover.jpg -map 0 -map 1 -c copy -disposition:v attached_pic "${exact[@]}" "$1"
}

fixture two-audio.mkv transcode 250 any,any closed-gop.mp4 \
    "two languages: AAC (eng) and AC-3 (deu, default)"
make:two-audio.mkv()
{
    ff -i "$2" -f lavfi -i "$(tone 10 48000 660)" -map 0:v -map 0:a -map 1:a -c copy -c:a:1 ac3 \
        -b:a:1 64k -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu \
        -disposition:a:0 0 -disposition:a:1 default "${exact[@]}" "$1"
}

fixture audio-51.mkv transcode 100 any - "5.1 channels, each with its own tone"
make:audio-51.mkv()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    local graph='' inputs='' i
    for i in 0 1 2 3 4 5; do
        graph+="$(tone 4 48000 $((300 + 100 * i)))[c$i];"
        inputs+="[c$i]"
    done
    ff -f lavfi -i "$(picture 320x180 25 4)" \
        -f lavfi -i "$graph${inputs}join=inputs=6:channel_layout=5.1" \
        "${video[@]}" -pix_fmt yuv420p -c:a ac3 -b:a 192k "${exact[@]}" "$1"
}

fixture mono-8k.mp4 transcode 100 32000 - "one channel at 8 kHz"
make:mono-8k.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(picture 320x180 25 4)" -f lavfi -i "$(tone 4 8000 330)" \
        "${video[@]}" -pix_fmt yuv420p -c:a aac -b:a 16k "${exact[@]}" "$1"
}

fixture audio-short.mp4 transcode 250 312000 closed-gop.mp4 "audio ends 3.5 s before video"
make:audio-short.mp4()
{
    ff -i "$2" -f lavfi -i "$(tone 6.5)" -map 0:v -map 1:a -c:v copy "${aac[@]}" "${exact[@]}" "$1"
}

fixture audio-gap.ts transcode 250 any closed-gop.mp4 \
    "a hole in the audio from 4 s to 5 s, no sound and no time"
make:audio-gap.ts()
{
    ff -i "$2" -c copy -bsf:a 'noise=drop=gte(pts\,360000)*lt(pts\,450000)' "${exact[@]}" "$1"
}

fixture audio-gap.mkv transcode 250 any closed-gop.mp4 "the same hole in Matroska"
make:audio-gap.mkv()
{
    ff -i "$2" -c copy -bsf:a 'noise=drop=gte(pts\,4000)*lt(pts\,5000)' "${exact[@]}" "$1"
}

fixture opus.webm transcode 100 192000 - "Opus: pre-skip at the start, discard padding at the end"
make:opus.webm()
{
    ff -f lavfi -i "$(picture 160x128 25 4)" -f lavfi -i "$(tone 4)" -pix_fmt yuv420p \
        -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 100k -g 50 -c:a libopus -b:a 32k \
        "${exact[@]}" "$1"
}
