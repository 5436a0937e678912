# shellcheck shell=bash disable=SC2154
# Size, shape, fields, colour.

# interlaced SIZE SECONDS top|bottom: 25 frames a second whose two fields are 1/50 s apart.
interlaced()
{
    local field=tff
    [ "$3" = top ] || field=bff
    printf %s "testsrc2=s=$1:r=50:d=$2,tinterlace=interleave_$3,$(barcode),setfield=$field"
}
recipe_helpers+=(interlaced)

fixture interlaced-tff.mp4 transcode 150 - - "interlaced H.264 (MBAFF), top field first"
make:interlaced-tff.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2 tff=1)
    ff -f lavfi -i "$(interlaced 320x192 6 top)" "${video[@]}" -pix_fmt yuv420p \
        -flags:v +ilme+ildct+bitexact -fflags +bitexact -threads 1 "$1"
}

fixture interlaced-bff.ts transcode 150 any - "interlaced MPEG-2, bottom field first, open GOPs"
make:interlaced-bff.ts()
{
    ff -f lavfi -i "$(interlaced 320x192 6 bottom)" -f lavfi -i "$(tone 6)" -pix_fmt yuv420p \
        -c:v mpeg2video -q:v 5 -g 15 -bf 2 -sc_threshold 1000000000 -top 0 -c:a mp2 -b:a 64k \
        -flags:v +ilme+ildct+bitexact -flags:a +bitexact -fflags +bitexact -threads 1 "$1"
}

fixture rotated.mp4 transcode 100 192000 - \
    "display matrix of -90 degrees: stored lying, shown upright, 192x320"
make:rotated.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(picture 192x320 25 4),transpose=cclock" -f lavfi -i "$(tone 4)" \
        "${video[@]}" -pix_fmt yuv420p "${aac[@]}" "${exact[@]}" lying.mp4
    ff -i lying.mp4 -c copy -metadata:s:v rotate=270 "${exact[@]}" "$1"
}

fixture sar.mp4 transcode 100 - - "sample aspect ratio 4:3: stored 240x180, shown 320x180"
make:sar.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(picture 240x180 25 4),setsar=4/3" \
        "${video[@]}" -pix_fmt yuv420p "${exact[@]}" "$1"
}

# testsrc2 makes even sizes only.
odd_size()
{
    local scaled="scale=161:121:flags=bicubic+accurate_rnd+bitexact"
    printf %s "testsrc2=s=162x122:r=25:d=3,$scaled,format=$1,$(barcode)"
}
recipe_helpers+=(odd_size)

fixture odd-size.webm transcode 75 - - "161x121, 4:2:0: H.264 cannot code it"
make:odd-size.webm()
{
    ff -f lavfi -i "$(odd_size yuv420p)" -pix_fmt yuv420p -c:v libvpx-vp9 -deadline realtime \
        -cpu-used 8 -b:v 200k -g 25 "${exact[@]}" "$1"
}

fixture odd-size-444.mp4 transcode 75 - - "161x121, 4:4:4: codable as it is, not when made 4:2:0"
make:odd-size-444.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(odd_size yuv444p)" "${video[@]}" -pix_fmt yuv444p "${exact[@]}" "$1"
}

fixture 422-10bit.mp4 transcode 100 - - "H.264 High 4:2:2, 10 bits"
make:422-10bit.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(picture 320x180 25 4)" "${video[@]}" -pix_fmt yuv422p10le "${exact[@]}" "$1"
}

fixture full-range.mp4 transcode 100 - - "full range luma, BT.709 tags"
make:full-range.mp4()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2 fullrange=on)
    ff -f lavfi -i "$(picture 320x180 25 4),scale=in_range=tv:out_range=pc,format=yuvj420p" \
        "${video[@]}" -pix_fmt yuvj420p -color_range pc -color_primaries bt709 -color_trc bt709 \
        -colorspace bt709 "${exact[@]}" "$1"
}

# hdr TRANSFER PARAMS FILE: 10 bits, BT.2020; the numbers are black and white of the transfer.
hdr()
{
    ff -f lavfi -i "$(picture 320x180 25 3)" -pix_fmt yuv420p10le -c:v libx265 -preset ultrafast \
        -tag:v hvc1 -color_primaries bt2020 -color_trc "$1" -colorspace bt2020nc -color_range tv \
        -x265-params "crf=30:keyint=25:min-keyint=25:open-gop=0:bframes=2:b-adapt=0:scenecut=0:\
pools=none:frame-threads=1:log-level=error:repeat-headers=1:colorprim=bt2020:transfer=$1:\
colormatrix=bt2020nc:range=limited:$2" "${exact[@]}" "$3"
}
recipe_helpers+=(hdr)

fixture hdr10.mp4 transcode 75 - - "HDR10: PQ, mastering display and content light level"
make:hdr10.mp4()
{
    hdr smpte2084 "hdr10=1:max-cll=1000,400:master-display=\
G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)" "$1"
}

fixture hlg.mp4 transcode 75 - - "HLG transfer, no static metadata"
make:hlg.mp4() { hdr arib-std-b67 "hdr10=0" "$1"; }

fixture resolution-change.h264 transcode 100 - - \
    "raw H.264 whose pictures grow from 240x136 to 320x180 at frame 50"
make:resolution-change.h264()
{
    mapfile -t video < <(x264 keyint=25 min-keyint=25 bframes=2)
    ff -f lavfi -i "$(picture 240x136 25 4),trim=end_frame=50" \
        "${video[@]}" -pix_fmt yuv420p "${exact[@]}" a.h264
    ff -f lavfi -i "$(picture 320x180 25 4),trim=start_frame=50,setpts=PTS-STARTPTS" \
        "${video[@]}" -pix_fmt yuv420p "${exact[@]}" b.h264
    cat a.h264 b.h264 >"$1"
}
