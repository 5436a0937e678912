#!/bin/bash
# The command line as a user meets it: exit statuses, messages, names, interruption and resume.
set -u
splitreel=${SPLITREEL:?the program to test}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=96x64:r=25:d=3 -f lavfi -i sine=d=3 -c:v libx264 -preset ultrafast \
    -g 25 -c:a aac in.mp4 || exit 1
ffmpeg -v error -nostdin -f lavfi -i testsrc2=s=480x270:r=25:d=16 -c:v libx264 -preset ultrafast -g 25 long.mp4 || exit 1

# check NAME COMMAND...: one line for the test runner.
check() {
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "not ok $name"; sed 's/^/# /' err out 2>/dev/null; fi
}
# run STATUS WORDS...: the program's status is so, and what it says is left in out and err.
run() {
    local want=$1
    shift
    "$splitreel" "$@" >out 2>err </dev/null
    local got=$?
    [ "$got" = "$want" ] || { echo "# exit $got, want $want: $*"; return 1; }
}
# says STATUS TEXT WORDS...: and it says that on stderr, on one line that begins with the program's name.
says() {
    local want=$1 text=$2
    shift 2
    run "$want" "$@" && grep -q '^splitreel: ' err && grep -qF -- "$text" err
}
# has FILE TEXT: the JSON in it holds the text, whatever its layout.
has() {
    tr -d ' \n' <"$1" | grep -qF -- "$2"
}
frames() {
    ffprobe -v error -count_frames -select_streams v -show_entries stream=nb_read_frames -of csv=p=0 "file:$1" | head -n 1
}

check 'without words it explains itself' run 2
check 'help of the program' run 0 --help
for verb in run plan probe verify; do
    check "help of $verb" run 0 "$verb" -h
    check "unknown option of $verb names the nearest" says 2 'the nearest is' "$verb" in.mp4 --hepl
done
check 'version names the build' eval 'run 0 --version && grep -q libavcodec out'
check 'unknown verb names the nearest' says 2 'nearest is probe' prob in.mp4
check 'no output' says 2 '-o names it' run in.mp4
check 'no input' says 2 'no input' run -o x.mp4
check 'a missing file is an input error' says 3 'none.mp4: there is no such file' run none.mp4 -o x.mp4
check 'a script is no media' says 3 '' run "$0" -o x.mp4
check 'a setting out of range names its option' says 2 '-crf: want' run in.mp4 -o x.mp4 -crf 99
check 'an unknown preset lists them' says 2 'veryslow' run in.mp4 -o x.mp4 -preset snail
check 'a target bitrate is refused' says 3 'use -crf' run in.mp4 -o x.mp4 -b:v 2M
check 'video cannot be copied' says 3 'encoded anew' run in.mp4 -o x.mp4 -c:v copy
check 'too many workers' says 2 'from 1 to' run in.mp4 -o x.mp4 -w 1000
check 'both -y and -n' says 2 'contradict' run in.mp4 -o x.mp4 -y -n
check 'json and a pipe both want stdout' says 2 'standard output' run in.mp4 -o - --json
check 'a folder needs a template' says 2 'template' run in.mp4 -o folder/
check 'nothing was left behind' [ "$(ls -A | grep -vxE 'in.mp4|long.mp4|out|err')" = "" ]

check 'one dash or two' run 0 run in.mp4 -o one.mp4 --crf 30 -preset ultrafast --segment=1s --progress none
check 'every frame' [ "$(frames one.mp4)" = 75 ]
check 'an existing output is refused' says 2 'one.mp4: is there already' run in.mp4 -o one.mp4
check 'and with -n' says 2 'is there already' run in.mp4 -o one.mp4 -n
cp in.mp4 -- '-take "1" 100% [a].mp4'
check 'a strange name' run 0 run -i '-take "1" 100% [a].mp4' -o $'-out \xff\'.mp4' --progress none
check 'its output' [ "$(frames $'./-out \xff\'.mp4')" = 75 ]
check 'its report' [ -e $'./-out \xff\'.report.json' ]
check 'the report on stdout' eval 'run 0 run in.mp4 -o j.mp4 --json --progress none && has out "\"verdict\":\"PASS\""'
check 'to a pipe' eval '"$splitreel" run in.mp4 -o - --progress none >pipe.mp4 2>err && [ "$(frames pipe.mp4)" = 75 ]'
check 'a closed pipe is an error, not a signal' eval \
    '("$splitreel" run in.mp4 -o - --progress none 2>err; echo $? >status) | true; [ "$(cat status)" = 4 ]'
check 'sound alone' eval 'run 0 run in.mp4 -o s.m4a --progress none && [ "$(frames s.m4a)" = "" ]'
check 'no sound' eval 'run 0 run in.mp4 -o v.mp4 -an --progress none &&
    [ "$(ffprobe -v error -show_entries stream=codec_type -of csv=p=0 v.mp4)" = video ]'
check 'a declared rate' eval 'run 0 run in.mp4 -o r.mp4 -r 50 --progress none && [ "$(frames r.mp4)" = 150 ]'
check 'a mapped stream alone' eval 'run 0 run in.mp4 -o m.mp4 -map 0:a:0 --progress none &&
    [ "$(ffprobe -v error -show_entries stream=codec_type -of csv=p=0 m.mp4)" = audio ]'
check 'json lines of progress' eval 'run 0 run in.mp4 -o p.mp4 --progress json &&
    tail -n 1 err | grep -q "^{\"frame\":75,.*\"progress\":\"end\"}$"'
check 'the plan' eval 'run 0 plan in.mp4 --segment 1s --json && has out "\"expected_frames\":75" && [ "$(grep -c source_bytes out)" = 3 ]'
check 'the plan writes nothing' [ ! -e .splitreel ]
check 'a table of the probe' eval 'run 0 probe in.mp4 && grep -q h264 out && grep -q "can be split" out'
check 'the probe as JSON' eval 'run 0 probe in.mp4 --json && has out "\"frames\":75" && has out "\"can_split\":true"'
check 'the output against its source' run 0 verify one.mp4 --against in.mp4 --full
check 'another file against it' run 5 verify one.mp4 --against long.mp4
printf '{"version": 1, "input": "in.mp4", /* here */ "output": "mf.mp4"}' >job.json
check 'a manifest' run 0 run --manifest job.json --progress none
printf '{"version": 1, "input": "in.mp4", "ouput": "mf.mp4"}' >bad.json
check 'a manifest with a slip' says 2 'bad.json: $.ouput: is not known, the nearest known key is "output"' run --manifest bad.json
check 'a manifest and a setting' says 2 'says all of the job' run --manifest job.json -crf 20
check 'cpuflags' eval 'run 0 run in.mp4 -o c.mp4 -cpuflags 0 --crf 30 -preset ultrafast --segment 1s --progress none && cmp c.mp4 one.mp4'

# Interrupts a run as soon as a frame is out, with the signal $1; leaves its status.
interrupt() {
    local line status
    coproc "$splitreel" run long.mp4 -o late.mp4 -preset veryslow --segment 1s -w 1 --progress json 2>&1
    local pid=$COPROC_PID output=${COPROC[0]}
    while read -r line <&"$output"; do
        case $line in
        *'"frame":0,'*) ;;
        *'"continue"'*) break ;;
        esac
    done
    kill -s "$1" "$pid"
    cat <&"$output" >err
    wait "$pid"
    status=$?
    [ "$status" = "$2" ] || { echo "# exit $status, want $2"; return 1; }
}
check 'the same work without interruption' run 0 run long.mp4 -o whole.mp4 -preset veryslow --segment 1s --progress none
check 'interrupted once' interrupt INT 130
check 'it says how to go on' grep -q 'segments are kept in .*the same command goes on' err
check 'nothing is published' [ ! -e late.mp4 ]
kept=$(find .splitreel -name '*.m4s' | wc -l)
check 'the work is kept' [ "$kept" -ge 1 ]
check 'terminated' interrupt TERM 143
check 'killed' interrupt KILL 137
check 'and goes on to the same bytes' eval 'run 0 run long.mp4 -o late.mp4 -preset veryslow --segment 1s -w 2 --progress none &&
    cmp late.mp4 whole.mp4'
check 'the workspace is gone' [ ! -e .splitreel ]
