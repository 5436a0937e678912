#!/bin/bash
# Hostile files sent through the service as jobs: each fails only its own job, says why, and leaves
# nothing behind; the service and its worker stay, and jobs beside them give the bytes of `run`.
# With HOSTILE=DIR (make hostile HOSTILE=DIR) the files of that folder, as its expected.tsv says if
# there is one, instead of those that hostile-files.sh makes.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh
# shellcheck source=tests/hostile-files.sh
. tests/hostile-files.sh

needs hostile curl jq
here=$PWD
arns=arn:aws:states:us-east-1:123456789012
secret=$FIXTURES/main-60s.mp4  # what no job may read
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null; rm -rf -- "$work"' EXIT

# manifest NAME INPUT [FILTER]: NAME.json, changed by a filter; its output is NAME.mp4.
manifest()
{
    jq -n --arg input "$2" --arg output "$PWD/$1.mp4" '{version: 1, input: $input, output: $output, segments: {mode: "keyframe", target: "2s"},
        renditions: [{id: "v", codec: "h264", preset: "ultrafast"}, {id: "a", codec: "aac"}]} | '"${3:-.}" >"$1.json"
}

# begin NAME INPUT: a job. One that is refused has ended.
begin()
{
    manifest "$1" "$2" || return
    case $(curl -sS -o "$1.begun" -w '%{http_code}' -H 'Content-Type: application/json' --data-binary "@$1.json" "$url/v1/jobs") in
    201) ;;
    400 | 403) jq '{status: "FAILED", error: "refused", cause: .detail}' "$1.begun" >"$1.end" ;;
    *) cat "$1.begun"; complain "$1 is not accepted" ;;
    esac
}

# described NAME: how it is, in NAME.now.
described()
{
    if [ -e "$1.ws" ]; then
        "$SPLITREEL" sm describe --server "$url" --no-sign-request "$(jq -r .executionArn "$1.begun")" >"$1.now"
    else
        curl -sSf "$url/v1/jobs/$(jq -r .id "$1.begun")" | jq '{status: .state, error, cause}' >"$1.now"
    fi
}

# ended NAME: waits for its end; how it ended is in NAME.end.
ended()
{
    for _ in $(seq 6000); do
        [ ! -e "$1.end" ] || return 0
        described "$1" 2>said.err || { cat said.err; complain "$1 cannot be asked"; return 1; }
        case $(jq -r .status "$1.now") in
        QUEUED | RUNNING) sleep 0.2 ;;
        *) mv "$1.now" "$1.end" ;;
        esac
    done
    complain "$1 does not end"
}

# at_once NAME INPUT [FILTER]: an execution of the jobs' flow where what is tried again is so at once.
at_once()
{
    [ -e flow.asl.json ] || {
        jq --arg arns "$arns:activity:" '
            walk(if type == "string" then sub("^[$][{]Activities[}]"; $arns) else . end)
            | walk(if type == "object" and has("MaxDelaySeconds") then .MaxDelaySeconds = 1 else . end)
            | walk(if type == "object" and has("ErrorEquals") and has("IntervalSeconds") then .IntervalSeconds = 1 | .BackoffRate = 1
                else . end)' "$here/pipeline/workflows/transcode.asl.json" >flow.asl.json
        "$SPLITREEL" sm create --server "$url" --no-sign-request --name flow flow.asl.json >/dev/null || return
    }
    mkdir "$1.ws" && manifest "$@" && cp "$1.json" "$1.ws/manifest.json" || return
    "$SPLITREEL" sm start --server "$url" --no-sign-request --name "$1" --input "$(jq -cn --arg id "$1" --arg ws "$PWD/$1.ws" \
        '{job: {id: $id, workspace: $ws}}')" "$arns:stateMachine:flow" >"$1.begun"
}

# open_service [MEMBERS [ROOT]]: with one worker, whose number is in $worker; its members are changed.
open_service()
{
    jq -n --arg here "$PWD" "{map_places: [\$here], worker: ({processes: 1, slots: 2, light_slots: 2, memory_bytes: 1073741824, task_cpu_s: 120} + {${1:-}})}" \
        >config.json
    start --config config.json --root "$PWD" --root "${2:-$FIXTURES}" --root "$FIXTURES" || return
    for _ in $(seq 600); do
        worker=$(pgrep -f -- "--parent $server")
        [ -z "$worker" ] || return 0
        sleep 0.05
    done
    complain 'there is no worker'
}

# The service and its one worker are those that began.
stays()
{
    [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/healthz")" = 200 ] || complain 'the service is not well' || return
    [ "$(pgrep -f -- "--parent $server")" = "$worker" ] || complain 'the worker is another'
}

# judge JOB OUTCOME INPUT
judge()
{
    local status error cause said
    status=$(jq -r .status "$1.end") error=$(jq -r '.error // ""' "$1.end") cause=$(jq -r '.cause // ""' "$1.end")
    printf '%s: %s %s %s\n' "${3##*/}" "$status" "$error" "$cause" >>story.txt
    [ -z "$(find . -path "./$1.*" \( -name '*.part' -o -name '.splitreel-*' \))" ] || complain 'left something half-made' || return
    case $status in
    SUCCEEDED)
        [ "$2" != error ] || complain 'it is transcoded' || return
        said=$(ffmpeg -nostdin -v error -xerror -i "$1.mp4" -f null - 2>&1) && [ -z "$said" ] ||
            complain "what it left is not whole: $(tail -n 1 <<<"$said")" ;;
    FAILED)
        [ "$2" != good ] || complain "$error: $cause" || return
        is_absent "$1.mp4" || return
        # Its own fault, not the worker's: nothing crashed, nobody ran out of time or memory.
        case $error in
        refused | Splitreel.BadInput | Splitreel.Unsupported | Splitreel.NotFound | Splitreel.TooLarge | Splitreel.Limit) ;;
        *) complain "it failed with $error: $cause" || return ;;
        esac
        [[ $cause == *"${3##*/}"* ]] || complain "its cause does not name it: $cause" ;;
    *) complain "it is $status" ;;
    esac
}

# each FOLDER: all files of list.tsv (NAME <tab> OUTCOME) as jobs beside two good ones.
each()
{
    local folder=$1 name outcome said number=0 failed=0
    begin good-first "$FIXTURES/closed-gop.mp4" || return
    while IFS=$'\t' read -r name outcome _; do
        name=${name//\\n/$'\n'}
        # A few at once: a process is then often kept for the next task of its job.
        [ "$number" -lt 6 ] || ended "file-$((number - 6))" || return
        begin "file-$((number++))" "$folder/$name" || return
    done <list.tsv
    begin good-last "$FIXTURES/closed-gop.mp4" || return
    number=0
    while IFS=$'\t' read -r name outcome _; do
        name=${name//\\n/$'\n'}
        ended "file-$number" || return
        if said=$(judge "file-$number" "$outcome" "$folder/$name"); then
            echo "ok $name" >>verdicts.txt
        else
            printf 'not ok %s\n%s\n' "$name" "$said" | tee -a verdicts.txt
            failed=$((failed + 1))
        fi
        number=$((number + 1))
    done <list.tsv
    for name in good-first good-last; do
        ended "$name" && judge "$name" good "$FIXTURES/closed-gop.mp4" || return
        reference "$name" && same "$name.run.mp4" "$name.mp4" || return
    done
    [ "$failed" -eq 0 ] || complain "$failed of $number" || return
    echo "$number files"
}

# reference NAME: what run makes of its manifest.
reference()
{
    jq --arg output "$PWD/$1.run.mp4" '.output = $output' "$1.json" >"$1.run.json"
    "$SPLITREEL" run --manifest "$1.run.json" --progress none
}

ours()
{
    open_service && hostile_files files && mv files/expected.tsv list.tsv && each "$PWD/files" && stays
}

# The files of $HOSTILE, judged by its expected.tsv or by that of the folder above, else loosely.
given()
{
    local file name outcome
    for file in "$HOSTILE"/*; do
        name=${file##*/}
        [ "$name" != expected.tsv ] || continue
        outcome=$(awk -F '\t' -v a="$name" -v b="$(basename "$HOSTILE")/$name" '$1 == a || $1 == b { print $2 }' \
            "$HOSTILE/expected.tsv" "$HOSTILE/../expected.tsv" 2>/dev/null | head -n 1)
        case ${outcome:-damaged} in transcode | video | audio) outcome=good ;; esac
        printf '%s\t%s\n' "${name//$'\n'/\\n}" "${outcome:-damaged}"
    done >list.tsv
    [ -s list.tsv ] || complain "$HOSTILE: no files" || return
    open_service '' "$HOSTILE" && each "$HOSTILE" && stays
}

# fails NAME ERROR WORDS: a job that ends so; the next is done all the same.
fails()
{
    ended "$1" || return
    [ "$(jq -r .status "$1.end")" = FAILED ] || complain 'it does not fail' || return
    [ "$(jq -r .error "$1.end")" = "$2" ] || complain "its error is $(jq -r '.error + ": " + .cause' "$1.end"), want $2" || return
    jq -r .cause "$1.end" >cause.txt
    says "$3" cause.txt && is_absent "$1.mp4" && stays
}
# Nobody else's job is the worse for it.
goes_on() { begin after "$FIXTURES/one-frame.mp4" && ended after && judge after good "$FIXTURES/one-frame.mp4"; }

# A film of the largest pictures that are taken, of a hundred megabytes each, and of a few kilobytes.
too_much_memory()
{
    { printf 'YUV4MPEG2 W8192 H8192 F25:1 Ip A1:1 C420jpeg\n'; for _ in 1 2 3 4; do printf 'FRAME\n'; head -c 100663296 /dev/zero; done; } |
        cp --sparse=always /dev/stdin large.y4m
    open_service 'memory_bytes: 268435456' && at_once memory "$PWD/large.y4m" && fails memory Splitreel.OutOfMemory MiB && goes_on
}

too_much_processor()
{
    open_service 'task_cpu_s: 1' || return
    at_once busy "$FIXTURES/main-60s.mp4" '.segments = {mode: "off"} | .renditions[0].preset = "veryslow"' &&
        fails busy Splitreel.TooLong 'too much processor time' && goes_on
}

# Its process crashes whenever it is tried.
crashes()
{
    open_service && at_once crash "$FIXTURES/main-60s.mp4" || return
    while described crash && [ "$(jq -r .status crash.now)" = RUNNING ]; do
        pkill -SEGV -P "$worker"
    done
    fails crash Splitreel.WorkerDied 'died of SIGSEGV' && goes_on
}

if [ -n "${HOSTILE:-}" ]; then
    HOSTILE=$(realpath "$HOSTILE")
    scenario "files of $HOSTILE" given
    tail -n 1 "$work"/given/story.txt >/dev/null 2>&1 && sort "$work/given/story.txt"
else
    # A process is to die of a signal, not to be told of it by a sanitizer.
    export ASAN_OPTIONS="${ASAN_OPTIONS:-}:handle_segv=0"
    [ -n "${ONLY:-}" ] || scenario 'files that mean harm fail only their own jobs' ours
    scenario 'a job that uses too much memory' too_much_memory
    scenario 'a job that uses too much processor time' too_much_processor
    scenario 'a job whose process crashes' crashes
fi
finish
