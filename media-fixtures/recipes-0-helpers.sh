# shellcheck shell=bash disable=SC2034
# What the recipes share. Read by make-fixtures.sh and describe-fixtures.sh.

# The table: fixture NAME OUTCOME FRAMES SAMPLES FROM TRAP
#   OUTCOME  transcode, audio (audio alone comes out), damaged (comes out with damage listed), error
#   FRAMES   pictures shown, - if there is no video, any where only ffmpeg can say
#   SAMPLES  audio samples presented per track, by the rules of the container, with commas; any
#            where the container cannot say to the sample, - if there is no audio
#   FROM     the fixture it is made from, or -
#   TRAP     what it is for
# The recipe of NAME is the function make:NAME, which writes the file $1 (and may read $2, the file
# of FROM, and use the empty folder $PWD).
names=()
declare -A outcome_of frames_of samples_of from_of trap_of
fixture()
{
    names+=("$1")
    outcome_of[$1]=$2 frames_of[$1]=$3 samples_of[$1]=$4 from_of[$1]=$5 trap_of[$1]=$6
}

# Traps for which there is no fixture: WHAT WHY, for MANIFEST.json.
not_made=(
    "field pictures of H.264 (PAFF)" "x264 codes interlaced pictures as MBAFF only"
    "PES packets without dts in a transport stream" "the muxer always writes them"
    "4:4:4 of x264 before build 151, decodable only with the first SEI" "needs an old encoder"
)

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
    local graph="drawbox=0:0:iw:3*ih/8:black:fill" k cell ones bit
    cell_if()
    {
        graph+=",drawbox=$(($1 % 8))*iw/8:$(($1 / 8))*ih/8:iw/8:ih/8:white:fill"
        graph+=":enable='$2'"
    }
    cell_if 0 1
    cell_if 23 1
    for k in {15..0}; do
        cell=$((16 - k))
        [ "$cell" -lt 7 ] || cell=$((cell + 1))
        [ "$cell" -lt 16 ] || cell=$((cell + 1))
        cell_if "$cell" "bitand(n,$((1 << k)))"
    done
    for k in 3 2 1 0; do  # odd number of ones in bits k, k+4, k+8, k+12 and binary 1010
        ones=$((k % 2))
        for bit in $((1 << k)) $((16 << k)) $((256 << k)) $((4096 << k)); do
            ones+="+gt(bitand(n,$bit),0)"
        done
        cell_if $((22 - k)) "mod($ones,2)"
    done
    printf %s "$graph"
}

# picture SIZE RATE SECONDS: a lavfi graph of numbered frames, something moving below the number.
picture() { printf %s "testsrc2=s=$1:r=$2:d=$3,$(barcode)"; }

# tone SECONDS [RATE [HERTZ]]: a lavfi graph of a tone, mono, with a beep at each full second.
tone() { printf %s "sine=f=${3:-440}:b=4:r=${2:-48000}:d=$1"; }

# x264 PARAM=VALUE...: encoder options, one word a line; what is not named is fixed, so that no rule
# of thumb of the encoder moves a keyframe. With open-gop=1, B-frames lead a keyframe only if
# keyint - 1 is no multiple of bframes + 1; most do if keyint is one.
x264()
{
    local IFS=:
    printf '%s\n' -c:v libx264 -preset veryfast -crf 28 -x264-params \
        "threads=1:scenecut=0:b-adapt=0:rc-lookahead=8:mbtree=0:$*"
}

# patch_byte FILE OFFSET OCTAL: overwrites one byte.
# shellcheck disable=SC2059
patch_byte() { printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# packets FILE FIRST COUNT: transport stream packets FIRST.. of a file.
packets() { dd if="$1" bs=188 skip="$2" count="$3" status=none; }
