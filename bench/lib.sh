# bench/lib.sh - what the benchmarks share: sources, timing, medians. Sourced, not run.

set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
splitreel=${SPLITREEL:-$root/build/splitreel}
work=${BENCH_DIR:-$root/build/bench}
runs=${RUNS:-5}
mkdir -p "$work"

say() { printf '%s\n' "$*" >&2; }

# A source made here, like a recorded talk: a still background that is cut every six seconds, a window with moving detail that drifts over it,
# at 24 frames a second, with a tone. Frames are cheap enough for five rounds of x264's medium preset in half an hour on two cores.
# make_source NAME WIDTH HEIGHT SECONDS
make_source() {
    local file=$work/$1.mp4
    [[ -s $file ]] && { printf '%s' "$file"; return; }
    say "making $1 ($2x$3, $4 s)"
    ffmpeg -nostdin -v error -y \
        -f lavfi -i "testsrc2=size=$2x$3:rate=1/6" \
        -f lavfi -i "mandelbrot=size=640x360:rate=24:maxiter=200:end_scale=0.02:end_pts=4000" \
        -f lavfi -i "sine=frequency=440:sample_rate=48000" \
        -filter_complex "[0]fps=24,gblur=sigma=2[still];[still][1]overlay=x='W*(0.6+0.03*sin(t))':y='H*(0.28+0.04*cos(t*0.7))':shortest=0[v]" \
        -map '[v]' -map 2:a -t "$4" -c:v libx264 -preset ultrafast -crf 18 -g 48 -keyint_min 48 -sc_threshold 0 -pix_fmt yuv420p \
        -c:a aac -b:a 128k -movflags +faststart -f mp4 "$file.part"
    mv "$file.part" "$file"
    printf '%s' "$file"
}

# timed FILE COMMAND...: appends "wall cpu peak_kib" of the command to FILE.
timed() {
    local out=$1
    shift
    command time -q -o "$work/time" -f '%e %U %S %M' "$@" >"$work/out" 2>&1 </dev/null || { tail -5 "$work/out" >&2; return 1; }
    awk '{ print $1, $2 + $3, $4 }' "$work/time" >>"$out"
}

# median FILE COLUMN
median() {
    cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# median_ratio FILE_A FILE_B COLUMN: of the ratios pair by pair, with their least and most.
median_ratio() {
    paste -d' ' <(cut -d' ' -f"$3" "$1") <(cut -d' ' -f"$3" "$2") | awk '{ printf "%.4f\n", $1 / $2 }' | sort -n |
        awk '{ v[NR] = $1 } END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%.3f (%.3f to %.3f)", m, v[1], v[NR] }'
}

# serve STATE [OPTION...]: a service with its state in $folder/STATE, which listens when this returns; sets server, url and at.
serve() {
    local state=$1 said
    shift
    rm -f "$folder/said"
    mkfifo "$folder/said"
    "$splitreel" serve --listen 127.0.0.1:0 --state "$folder/$state" "$@" >"$folder/said" &
    server=$!
    read -r -t 60 said <"$folder/said" || { say 'the service does not say where it listens'; return 1; }
    url=${said##*listening on } at=${said##*http://}
}

# op OPERATION BODY: asks the Step Functions API of the service.
op() { curl -sSf -H 'Content-Type: application/x-amz-json-1.0' -H "X-Amz-Target: AWSStepFunctions.$1" -d "$2" "$url/"; }

machine() {
    printf '%s cores, %s, ffmpeg %s, splitreel %s\n' "$(nproc)" "$(uname -m)" "$(ffmpeg -version | awk 'NR == 1 { print $3 }')" \
        "$(git -C "$root" rev-parse --short HEAD)"
}
