# shellcheck shell=bash disable=SC2034
# What the recipes share. Read by make-fixtures.sh.

# All that a recipe calls; a change here makes every fixture anew.
recipe_helpers=(ff barcode picture tone x264 exact aac patch_byte packets)

ff() { "$FFMPEG" -nostdin -hide_banner -loglevel error -y "$@"; }

# Output options of every encode: no version strings or random ids, one thread.
exact=(-fflags +bitexact -flags:v +bitexact -flags:a +bitexact -threads 1)
aac=(-c:a aac -b:a 48k)

# Filters that draw the frame's number, as tests/barcode.h describes it: the white cells over a
# black band. `n` is the number of the frame at this place in the graph.
barcode()
{
    local graph="drawbox=0:0:iw:3*ih/8:black:fill" k cell
    cell_if()
    {
        graph+=",drawbox=$(($1 % 8))*iw/8:$(($1 / 8))*ih/8:iw/8:ih/8:white:fill${2:+:enable='$2'}"
    }
    cell_if 0 ''
    cell_if 23 ''
    for k in {15..0}; do
        cell=$((16 - k))
        [ "$cell" -lt 7 ] || cell=$((cell + 1))
        [ "$cell" -lt 16 ] || cell=$((cell + 1))
        cell_if "$cell" "bitand(n,$((1 << k)))"
    done
    for k in 3 2 1 0; do  # odd number of ones in bits k, k+4, k+8, k+12 and binary 1010
        cell_if $((22 - k)) "mod($((k % 2))+gt(bitand(n,$((1 << k))),0)+gt(bitand(n,$((16 << k))),0)+\
gt(bitand(n,$((256 << k))),0)+gt(bitand(n,$((4096 << k))),0),2)"
    done
    printf %s "$graph"
}

# picture SIZE RATE SECONDS: a lavfi graph of numbered frames with something moving below the number.
picture() { printf %s "testsrc2=s=$1:r=$2:d=$3,$(barcode)"; }

# tone SECONDS [RATE [HERTZ]]: a lavfi graph of a tone, mono, with a beep at each full second.
tone() { printf %s "sine=f=${3:-440}:b=4:r=${2:-48000}:d=$1"; }

# x264 PARAM=VALUE...: encoder options, one "-option value" per line; what is not named is fixed, so that no rule of
# thumb of the encoder moves a keyframe.
x264()
{
    local IFS=:
    printf '%s\n' -c:v libx264 -preset veryfast -crf 28 -x264-params \
        "threads=1:scenecut=0:b-adapt=0:rc-lookahead=8:mbtree=0:$*"
}

# patch_byte FILE OFFSET OCTAL: overwrites one byte.
patch_byte() { printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# packets FILE FIRST COUNT: transport stream packets FIRST.. of a file.
packets() { dd if="$1" bs=188 skip="$2" count="$3" status=none; }
