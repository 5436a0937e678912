#!/bin/bash
# Measures the fixtures in a folder and prints MANIFEST.json; for whoever changes a recipe.
#
#   make-fixtures.sh OUTDIR && describe-fixtures.sh OUTDIR >MANIFEST.json.new
#
# Decodes each file with one thread, reads the number of every picture at full and at half size,
# and compares with what the recipes promise (frames, samples). A difference is named on stderr,
# status 1. Needs a C compiler for barcode-scan.c.
#
# An entry of "fixtures" in MANIFEST.json:
#   file, for, from     its name, what it is for, the fixture it was made from
#   outcome             transcode; audio (audio alone comes out); damaged (comes out as far as it
#                       goes, damage listed); error (refused with a reason, nothing comes out)
#   video               the track to show: the default one, else the first; absent if there is none
#     width, height     as shown, rotation applied, sample aspect ratio not
#     frames, numbers   pictures that ffmpeg shows, edit lists applied, and what they say, in order:
#                       runs [first, last]; null is a picture whose number cannot be read
#     fps               the declared rate, or "vfr" when times keep off it by more than 1 ms
#     first_time, times s; times of all pictures if irregular, "missing" if one has none
#     packets           stored, with those that are not shown
#     keyframe_times    of packets that libavformat flags as keyframes; null has no time
#     leading_packets   stored after a keyframe and shown before it: the mark of open GOPs (and of
#                       HEVC's RADL pictures); 0 also where packets have no times
#   audio               one per track
#     samples           presented, by the container's rules; null where it cannot say
#     decoded_samples   what ffmpeg 5.1 gives, which cuts no padding at the end of AAC
#   bytes, sha256       of what make-fixtures.sh makes with the ffmpeg in "made_with"
# shellcheck disable=SC2154  # recipes-*.sh sets what it reads
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FFMPEG=${FFMPEG:-ffmpeg}
FFPROBE=${FFPROBE:-ffprobe}
LC_ALL=C
export LC_ALL
[ $# = 1 ] && [ -d "$1" ] || { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
out=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"${CC:-cc}" -O2 -I"$here/.." -o "$tmp/scan" "$here/barcode-scan.c" "$here/../tests/barcode.c"

for part in "$here"/recipes-*.sh; do
    # shellcheck source=/dev/null
    . "$part"
done

differences=0
differs() { echo "describe-fixtures: $*" >&2; differences=$((differences + 1)); }

# probe ENTRIES FILE [OPTION]...: values only, one a line.
probe()
{
    local entries=$1 file=$2
    shift 2
    "$FFPROBE" -v quiet -threads 1 "$@" -show_entries "$entries" -of default=nk=1:nw=1 "$file" ||
        true
}

# Index of the video stream to show: the default one, else the first; never an attached picture.
video_stream()
{
    "$FFPROBE" -v quiet -select_streams v -of csv=p=0 \
        -show_entries stream=index:stream_disposition=default,attached_pic "$1" |
        awk -F, 'NF >= 3 && $3 == 0 && !seen[$1]++ {
            if (first == "") first = $1
            if (best == "" && $2 == 1) best = $1
        } END { print best != "" ? best : first }'
}

# scan_numbers FILE STREAM WIDTH HEIGHT: sets $numbers and $frames.
scan_numbers()
{
    local line
    line=$("$FFMPEG" -nostdin -v quiet -threads 1 -i "$1" -map "0:$2" -fps_mode passthrough \
        -vf "scale=$3:$4" -pix_fmt gray -f rawvideo - | "$tmp/scan" "$3" "$4")
    numbers=${line%, \"count\"*} numbers=${numbers#*: }
    frames=${line##* }
}

# Frame times on stdin, one a line: the members fps, first_time, last_time and, if irregular, times.
time_members()
{
    awk -v rate="$1" '
        $1 == "N/A" { missing++; next }
        { t[n++] = $1 }
        END {
            split(rate, r, "/")
            step = r[1] > 0 ? r[2] / r[1] : 0
            for (i = 1; i < n; i++) {
                off = t[i] - t[0] - i * step
                if (off > 0.0011 || off < -0.0011) irregular = 1
            }
            if (n == 0 || missing > 0) {
                printf "      \"fps\": \"%s\",\n      \"times\": \"missing\",\n", rate
            } else if (!irregular) {
                printf "      \"fps\": \"%s\",\n      \"first_time\": %s,\n", rate, t[0]
            } else {
                printf "      \"fps\": \"vfr\",\n      \"first_time\": %s,\n", t[0]
                printf "      \"times\": ["
                for (i = 0; i < n; i++) printf "%s%s", i ? ", " : "", t[i] + 0
                printf "],\n"
            }
        }'
}

video_members()
{
    local file=$1 name=$2 stream=$3 values numbers frames half rotation
    mapfile -t values < <(probe stream=codec_name,width,height,pix_fmt,r_frame_rate "$file" \
        -select_streams "$stream" | head -n 5)
    local width=${values[1]} height=${values[2]}
    rotation=$(probe stream_side_data=rotation "$file" -select_streams "$stream" | head -n 1)
    case $rotation in *90) width=${values[2]} height=${values[1]} ;; esac

    scan_numbers "$file" "$stream" $((width / 2)) $((height / 2))
    half=$numbers
    scan_numbers "$file" "$stream" "$width" "$height"
    if [ "$half" != "$numbers" ] && [ "${outcome_of[$name]}" != damaged ]; then
        differs "$name: numbers at half size are $half, at full size $numbers"
    fi
    if [ "${outcome_of[$name]}" = transcode ] && [[ $numbers == *null* || $numbers == *,*,* ]]; then
        differs "$name: numbers are $numbers"
    fi
    if [ "${frames_of[$name]}" != any ] && [ "${frames_of[$name]}" != "$frames" ]; then
        differs "$name: $frames frames, the recipe says ${frames_of[$name]}"
    fi
    printf '    "video": {\n'
    printf '      "codec": "%s",\n      "pix_fmt": "%s",\n' "${values[0]}" "${values[3]}"
    printf '      "width": %d,\n      "height": %d,\n' "$width" "$height"
    printf '      "frames": %d,\n      "numbers": %s,\n' "$frames" "$numbers"
    probe frame=best_effort_timestamp_time "$file" -select_streams "$stream" |
        grep -E '^(N/A|-?[0-9.]+)$' | time_members "${values[4]}"
    "$FFPROBE" -v quiet -select_streams "$stream" -show_entries packet=pts_time,flags -of csv=p=0 \
        "$file" | awk -F, '
            NF >= 2 { n++ }
            NF >= 2 && $2 ~ /^K/ {
                key = key (k++ ? ", " : "") ($1 == "N/A" ? "null" : $1 + 0)
                start = $1
            }
            NF >= 2 && $1 != "N/A" && start != "N/A" && $1 + 0 < start + 0 { leading++ }
            END {
                printf "      \"packets\": %d,\n      \"leading_packets\": %d,\n", n, leading
                printf "      \"keyframe_times\": [%s]\n    },\n", key
            }'
}

# One object per audio track; $samples_of says what the container's rules give, or ?.
audio_members()
{
    local file=$1 name=$2 index values decoded want presented comma='' number=0 begin
    local -a wants
    IFS=, read -r -a wants <<<"${samples_of[$name]}"
    printf '    "audio": ['
    for index in $(probe stream=index "$file" -select_streams a | awk '!seen[$0]++'); do
        mapfile -t values < <(probe stream=codec_name,sample_rate,channels,start_pts,duration_ts \
            "$file" -select_streams "$index" | head -n 5)
        decoded=$("$FFMPEG" -nostdin -v quiet -threads 1 -i "$file" -map "0:$index" -ac 1 \
            -f s16le - | wc -c)
        decoded=$((decoded / 2))
        want=${wants[$number]:-missing}
        number=$((number + 1))
        presented=$want
        if [ "$want" = any ]; then
            presented=null
        elif [ "$want" != "$decoded" ] && [ "$want" != "${values[4]}" ]; then
            # Fragments: the duration counts the priming that the edit list hides before zero.
            begin=${values[3]}
            [ "$begin" -lt 0 ] && [ "$want" = $((values[4] + begin)) ] ||
                differs "$name: audio $index: $decoded samples, duration ${values[4]}, want $want"
        fi
        printf '%s\n      {"codec": "%s", "rate": %d, "channels": %d, ' \
            "$comma" "${values[0]}" "${values[1]}" "${values[2]}"
        printf '"samples": %s, "decoded_samples": %d}' "$presented" "$decoded"
        comma=,
    done
    [ "$number" = "${#wants[@]}" ] || [ "$number${samples_of[$name]}" = 0- ] ||
        [ "${outcome_of[$name]}" = damaged ] || differs "$name: $number audio tracks"
    [ -z "$comma" ] && printf '],\n' || printf '\n    ],\n'
}

describe()
{
    local name=$1 file=$out/$1 stream
    [ -f "$file" ] || { differs "$name: missing"; return; }
    printf '  {\n    "file": "%s",\n    "for": "%s",\n    "outcome": "%s",\n' \
        "$name" "${trap_of[$name]}" "${outcome_of[$name]}"
    [ "${from_of[$name]}" = - ] || printf '    "from": "%s",\n' "${from_of[$name]}"
    if [ "${outcome_of[$name]}" != error ]; then
        stream=$(video_stream "$file")
        [ -z "$stream" ] || video_members "$file" "$name" "$stream"
        audio_members "$file" "$name"
    fi
    printf '    "bytes": %d,\n' "$(stat -c %s "$file")"
    printf '    "sha256": "%s"\n  }' "$(sha256sum <"$file" | cut -d' ' -f1)"
}

printf '{\n"version": 1,\n"made_with": "%s",\n"fixtures": [\n' \
    "$("$FFMPEG" -version | head -n 1 | cut -d' ' -f1-3)"
comma=''
for name in "${names[@]}"; do
    printf '%b' "$comma"
    comma=',\n'
    describe "$name"
done
printf '\n],\n"not_made": ['
comma=''
for ((i = 0; i < ${#not_made[@]}; i += 2)); do
    printf '%s\n  {"what": "%s", "why": "%s"}' "$comma" "${not_made[i]}" "${not_made[i + 1]}"
    comma=,
done
printf '\n]\n}\n'
[ "$differences" = 0 ]
