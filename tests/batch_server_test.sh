#!/bin/bash
# `splitreel batch --server`: every source is one job of the service, whatever dies or is asked again;
# the rest is as without it (tests/batch_test.sh).
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
# shellcheck source=tests/serve.sh
. tests/serve.sh
unset AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 SPLITREEL_STORES SPLITREEL_SERVER SPLITREEL_TOKEN
quick=(-preset ultrafast -s 64x36 -an)

for tool in curl jq; do
    command -v "$tool" >/dev/null || { echo "skip batch --server $tool is not there"; exit 0; }
done

library()
{
    mkdir -p in/day && cp "$FIXTURES/one-frame-tail.mp4" in/a.mp4 && cp "$FIXTURES/one-frame.mp4" 'in/day/b 1.mp4' &&
        cp "$FIXTURES/closed-gop.mp4" in/day/c.mp4
}
begin() { start --root "$PWD" "$@"; }
batch() { "$SPLITREEL" batch "$@" --server "$url" --progress plain "${quick[@]}"; }
jobs() { curl -sSf "$url/v1/jobs?limit=100$1" | jq '.jobs | length'; }
has_jobs() { [ "$(jobs "${2:-}")" = "$1" ] || complain "$(jobs "${2:-}") jobs, want $1"; }
# wait_jobs N [QUERY]: until the service has them.
wait_jobs()
{
    for _ in $(seq 600); do
        [ "$(jobs "${2:-}" 2>/dev/null)" != "$1" ] || return 0
        sleep 0.05
    done
    has_jobs "$@"
}
# in_background ARGUMENT...: a batch; $pid.
in_background()
{
    "$SPLITREEL" batch "$@" --server "$url" --progress plain "${quick[@]}" >out.txt 2>err.txt &
    pid=$!
}
ended() # WANT
{
    local got
    wait "$pid"
    got=$?
    [ "$got" = "$1" ] || { cat err.txt; complain "exit status $got, want $1"; }
}

whole_folder()
{
    library && begin --workers 1 || return
    status 0 batch in -o 'out/{path}.mp4' --json || return
    says '3 done, 0 failed, 0 done already' && has_jobs 3 '&state=SUCCEEDED' || return
    "$SPLITREEL" run in/day/c.mp4 -o alone.mp4 --progress none "${quick[@]}" && same alone.mp4 out/day/c.mp4 || return
    [ "$(jq -r .job out.txt | sort)" = "$(curl -sSf "$url/v1/jobs" | jq -r '.jobs[].id' | sort)" ] || complain 'the report names other jobs' || return
    status 0 batch in -o 'out/{path}.mp4' && says '0 done, 0 failed, 3 done already' && has_jobs 3 || return
    # The report is lost: the service knows, and nothing is made again.
    rm splitreel-batch.jsonl && touch -d @0 out/a.mp4 && status 0 batch in -o 'out/{path}.mp4' || return
    says '3 done' && has_jobs 3 && [ "$(stat -c %Y out/a.mp4)" = 0 ] || complain 'made again' || return
    # An output that is gone, with and without the report; another version; other settings.
    rm out/a.mp4 out/a.report.json && status 0 batch in -o 'out/{path}.mp4' && says '1 done, 0 failed, 2 done already' &&
        is_there out/a.mp4 && has_jobs 4 || return
    rm out/a.mp4 out/a.report.json splitreel-batch.jsonl && status 0 batch in/a.mp4 -o 'out/{path}.mp4' && says '1 done' &&
        is_there out/a.mp4 && has_jobs 5 || return
    cp "$FIXTURES/closed-gop.mp4" in/a.mp4 && status 0 batch in/a.mp4 -o 'out/{path}.mp4' && says '1 done' &&
        same alone.mp4 out/a.mp4 && has_jobs 6 || return
    status 0 batch in/a.mp4 -o 'out/{path}.mp4' -crf 40 && says '1 done' && has_jobs 7 &&
        [ "$(stat -c %s out/a.mp4)" -lt "$(stat -c %s alone.mp4)" ] && stop
}

one_fails()
{
    library && head -c 5000 /dev/urandom >in/bad.mov && begin --workers 1 || return
    status 6 batch in -o 'out/{path}.mp4' && says 'failed: in/bad.mov: Splitreel.BadInput' && says '3 done, 1 failed' || return
    [ "$(jq -r 'select(.status == "failed") | "\(.exit_status) \(.source)"' splitreel-batch.jsonl)" = '3 in/bad.mov' ] || complain 'the report' || return
    # It is tried again: another attempt of the same job. With a film in its place another job.
    status 6 batch in -o 'out/{path}.mp4' && says '0 done, 1 failed, 3 done already' && has_jobs 4 || return
    [ "$(curl -sSf "$url/v1/jobs?state=FAILED" | jq '.jobs[0].attempt')" = 2 ] || complain 'not tried again' || return
    cp in/a.mp4 in/bad.mov && status 0 batch in -o 'out/{path}.mp4' && says '1 done, 0 failed, 3 done already' && has_jobs 5 && stop
}

# No worker: jobs wait. Only as many as asked for are handed in; an interrupt leaves them to the service.
interrupted()
{
    library && begin && in_background in -o 'out/{path}.mp4' --jobs 2 && wait_jobs 2 || return
    kill -INT "$pid"
    ended 130 && says 'goes on there' && says 'interrupted' && has_jobs 2 '&state=RUNNING' || return
    stop && begin --workers 1 || return
    status 0 batch in -o 'out/{path}.mp4' && says '3 done, 0 failed' && has_jobs 3 '&state=SUCCEEDED' && stop
}

killed()
{
    local i
    library && begin || return
    for i in 1 2 3; do
        in_background in -o 'out/{path}.mp4' --jobs "$i" && wait_jobs "$i" || return
        kill -KILL "$pid"
        wait "$pid"
    done 2>/dev/null
    stop && begin --workers 1 || return
    status 0 batch in -o 'out/{path}.mp4' && says '3 done, 0 failed' && has_jobs 3 || return
    ! grep -q '"status":"failed"' splitreel-batch.jsonl || complain 'one failed'
    stop
}

# The service dies under a batch, and comes again at the same address.
service_killed()
{
    library && begin && in_background in -o 'out/{path}.mp4' --jobs 2 && wait_jobs 2 || return
    kill -KILL "$server"
    wait "$server"
    begin --listen "${url#http://}" --workers 1 || return
    ended 0 && says '3 done, 0 failed' && has_jobs 3 && stop
}

cancelled()
{
    local id
    library && begin && in_background in/a.mp4 -o 'out/{path}.mp4' && wait_jobs 1 '&state=RUNNING' || return
    id=$(curl -sSf "$url/v1/jobs" | jq -r '.jobs[0].id')
    "$SPLITREEL" cancel "$id" --server "$url" >/dev/null && stop && begin --listen "${url#http://}" --workers 1 || return
    ended 6 && says 'was cancelled' && status 0 batch in/a.mp4 -o 'out/{path}.mp4' && has_jobs 1 '&state=SUCCEEDED' && stop
}

refused()
{
    library && mkdir other && start --root "$PWD/other" || return
    # Places that the service does not allow are each file's own affair.
    status 6 batch in -o 'out/{path}.mp4' && says '0 done, 3 failed' && says 'HTTP 403' && has_jobs 0 || return
    status 2 batch in -o 'out/{path}.mp4' -w 2 && says "the service's affair" && status 2 batch in -o 'out/{path}.mp4' -crf 99 || return
    status 2 "$SPLITREEL" batch in -o 'out/{path}.mp4' --unsigned && says --server || return
    # Somebody else's file is where the output goes.
    stop && begin --workers 1 && mkdir out && echo mine >out/a.mp4 && status 6 batch in/a.mp4 -o 'out/{path}.mp4' || return
    says OutputExists && [ "$(cat out/a.mp4)" = mine ] && status 0 batch in/a.mp4 -o 'out/{path}.mp4' -y && ! grep -qx mine out/a.mp4 && stop || return
    # Nobody there: nothing of it is in the report. What would be done can still be said.
    rm -r out splitreel-batch.jsonl
    status 4 batch in -o 'out/{path}.mp4' && says 'the service' && [ ! -s splitreel-batch.jsonl ] || return
    status 0 batch in -o 'out/{path}.mp4' --dry-run --where 'height>=100' && grep -q '^3 to do' out.txt || { cat out.txt; complain 'the plan'; }
}

keys()
{
    library && printf '{"api_keys": [{"name": "ci", "token": "a-token-of-some-letters"}]}' >config.json && chmod 600 config.json
    begin --config config.json --workers 1 && status 4 batch in/a.mp4 -o 'out/{path}.mp4' --unsigned && says 401 || return
    echo a-token-of-some-letters >token && status 0 batch in/a.mp4 -o 'out/{path}.mp4' --token-file token || return
    rm -r out splitreel-batch.jsonl && SPLITREEL_TOKEN=a-token-of-some-letters status 0 batch in/a.mp4 -o 'out/{path}.mp4' -crf 30 || return
    ! grep -q a-token err.txt splitreel-batch.jsonl || complain 'the token is shown' || return
    stop
}

scenario 'batch --server: a whole folder, and nothing twice' whole_folder
scenario 'batch --server: one fails' one_fails
scenario 'batch --server: interrupted' interrupted
scenario 'batch --server: killed' killed
scenario 'batch --server: the service is killed' service_killed
scenario 'batch --server: a job is cancelled' cancelled
scenario 'batch --server: refused' refused
scenario 'batch --server: keys' keys
finish
