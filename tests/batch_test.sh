#!/bin/bash
# What `splitreel batch` promises: every source once, each on its own, and the rest of them after a crash.
. tests/lib.sh
unset AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 SPLITREEL_STORES
quick=(-preset ultrafast -s 64x36 -an)

# library: a folder of three clips, one text that calls itself a film, one that is no media.
library()
{
    rm -rf in out splitreel-batch.jsonl
    mkdir -p in/day in/night
    cp "$FIXTURES/one-frame-tail.mp4" in/a.mp4 && cp "$FIXTURES/closed-gop.mp4" 'in/day/b 1.mp4' &&
        cp "$FIXTURES/closed-gop.mp4" in/night/c.mp4 && echo nothing >in/readme.txt
}
batch() { "$SPLITREEL" batch "$@" --progress plain "${quick[@]}"; }
count_lines() { [ "$(grep -c "$1" splitreel-batch.jsonl)" = "$2" ] || { cat splitreel-batch.jsonl; complain "want $2 lines with $1"; }; }

whole_folder()
{
    library
    status 0 batch in -o 'out/{path}.mp4' || return
    says '3 done, 0 failed, 0 done already' || return
    [ -s out/a.mp4 ] && [ -s 'out/day/b 1.mp4' ] && [ -s out/night/c.mp4 ] && [ -s out/night/c.report.json ] || complain 'an output is missing'
    count_lines '"status":"done"' 3
}

nothing_twice()
{
    local before
    library && status 0 batch in -o 'out/{path}.mp4' || return
    before=$(stat -c %i-%Y out/a.mp4)
    status 0 batch in -o 'out/{path}.mp4' && says '0 done, 0 failed, 3 done already' || return
    [ "$(stat -c %i-%Y out/a.mp4)" = "$before" ] || complain 'made again' || return
    # another version of a source, an output that is gone, other settings
    touch -d '2020-01-01' in/a.mp4 && rm out/night/c.mp4 &&
        status 0 batch in -o 'out/{path}.mp4' && says '2 done, 0 failed, 1 done already' || return
    status 0 batch in -o 'out/{path}.mp4' -crf 30 && says '3 done, 0 failed, 0 done already'
}

# A source that was said twice is one.
said_twice()
{
    library && echo in/a.mp4 >list.txt || return
    status 0 batch in/a.mp4 in @list.txt in/a.mp4 -o 'out/{name}.mp4' --jobs 4 && says '3 done, 0 failed, 0 done already' && count_lines '"status":"done"' 3
}

one_fails()
{
    library && head -c 5000 /dev/urandom >in/bad.mov
    status 6 batch in -o 'out/{path}.mp4' --jobs 2 || return
    says 'failed: in/bad.mov' && says '3 done, 1 failed' && count_lines '"status":"failed"' 1 || return
    [ ! -e out/bad.mp4 ] || complain 'something of it is there' || return
    # it is tried again, the others are not
    status 6 batch in -o 'out/{path}.mp4' && says '0 done, 1 failed, 3 done already'
}

# A new version that fails leaves the old output, and the one after it takes its place.
fails_amid()
{
    library && status 0 batch in/a.mp4 -o 'out/{path}.mp4' && cp out/a.mp4 old.mp4 || return
    head -c 5000 /dev/urandom >in/a.mp4 && status 6 batch in/a.mp4 -o 'out/{path}.mp4' && cmp old.mp4 out/a.mp4 || return
    cp in/night/c.mp4 in/a.mp4 && status 0 batch in/a.mp4 -o 'out/{path}.mp4' && says '1 done, 0 failed' && ! cmp -s old.mp4 out/a.mp4
}

dry_run()
{
    library
    status 0 batch in -o 'out/{path}.mp4' --dry-run || return
    [ ! -e out ] && grep -q 'in/day/b 1.mp4 -> out/day/b 1.mp4' out.txt && grep -q '^3 to do, [0-9]* bytes; 0 done already' out.txt || { cat out.txt; complain 'the plan'; } || return
    status 0 batch in -o 'out/{path}.mp4' --include 'a.*' && status 0 batch in -o 'out/{path}.mp4' --dry-run &&
        grep -q '^2 to do.*1 done already; about [0-9]* s' out.txt || { cat out.txt; complain 'the second plan'; }
}

filtered()
{
    library
    status 0 batch in -o 'out/{path}.mp4' --dry-run --where 'height>=200' --where 'codec=h264' || return
    grep -q '3 do not fulfil --where' out.txt || { cat out.txt; complain 'heights'; } || return
    status 0 batch in -o 'out/{path}.mp4' --dry-run --exclude 'day/*' --newer-than 1d && grep -q '^2 to do' out.txt || return
    status 0 batch 'in/*/*.mp4' -o 'out/{name}.mp4' --dry-run && grep -q '^2 to do' out.txt || return
    printf '# two\nin/a.mp4\n\nin/night/\n' >list && status 0 batch @list -o 'out/{name}.mp4' --dry-run && grep -q '^2 to do' out.txt
}

refused()
{
    library
    status 2 batch in && status 2 batch -o 'x/{name}.mp4' && status 2 batch in -o out.mp4 && says '{name} or {path}' || return
    status 2 batch in -o 'out/{id}.mp4' && status 2 batch in -o 'out/{path}.mp4' --where 'hight>1' && says 'there are width' || return
    status 2 batch in -o 'out/{path}.mp4' -crf 99 && says crf && status 2 batch in -o 'out/{path}.mp4' --template none || return
    status 2 batch in -o 'out/{path}.mp4' --manifest x && says 'not of a batch' || return
    cp in/a.mp4 in/day/a.mp4 && status 2 batch in -o 'out/{name}.mp4' && says '{path} in -o keeps them apart' || return
    status 2 batch in -o '{path}.mp4' --newer-than yesterday && says '2026-11-01' || return
    echo notes >splitreel-batch.jsonl && status 2 batch in -o 'out/{path}.mp4' && says 'is no batch' && grep -qx notes splitreel-batch.jsonl || return
    rm splitreel-batch.jsonl && status 3 batch absent -o 'out/{path}.mp4' && is_absent splitreel-batch.jsonl
}

beside_its_sources()
{
    library
    status 0 batch in -o 'in/small/{path}.mp4' && says '3 done' || return
    status 0 batch in -o 'in/small/{path}.mp4' && says '0 done, 0 failed, 3 done already'
}

# Killed at any time, with its children: the next one does the rest, and every output is whole.
killed()
{
    local pid i
    library
    for i in 1 2 3; do
        "$SPLITREEL" batch in -o 'out/{path}.mp4' --jobs 2 --progress plain "${quick[@]}" >out.txt 2>err.txt &
        pid=$!
        sleep "0.$((RANDOM % 9))"
        kill -KILL $pid 2>/dev/null
        wait $pid 2>/dev/null
    done
    for _ in $(seq 100); do # its children end with it
        pgrep -f "^splitreel run -i in/" >/dev/null || break
        sleep 0.1
    done
    status 0 batch in -o 'out/{path}.mp4' || return
    "$SPLITREEL" run in/a.mp4 -o alone.mp4 --progress none "${quick[@]}" && cmp alone.mp4 out/a.mp4 || complain 'other bytes' || return
    [ -z "$(find out -name '*.part' -o -name '.splitreel')" ] || complain 'something is left'
}

interrupted()
{
    local pid got
    library
    for i in $(seq 30); do cp "$FIXTURES/closed-gop.mp4" "in/$i.mp4"; done
    "$SPLITREEL" batch in -o 'out/{path}.mp4' --progress plain "${quick[@]}" >out.txt 2>err.txt &
    pid=$!
    until grep -qs '"done"' splitreel-batch.jsonl || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    kill -INT $pid
    wait $pid
    got=$?
    [ $got -eq 130 ] || { cat err.txt; complain "exit status $got, want 130"; } || return
    status 0 batch in -o 'out/{path}.mp4' && ! says '33 done,' 2>/dev/null && says '0 failed'
}

as_json()
{
    library
    status 0 batch in/a.mp4 -o 'out/{name}.mp4' --json --progress none || return
    [ "$(jq -r '.status + .source + .output' out.txt)" = donein/a.mp4out/a.mp4 ] && grep -v '"status":"begun"' splitreel-batch.jsonl | cmp - out.txt
}

try 'batch: a whole folder' whole_folder
try 'batch: nothing twice' nothing_twice
try 'batch: a source said twice' said_twice
try 'batch: one fails' one_fails
try 'batch: a version that fails' fails_amid
try 'batch: --dry-run' dry_run
try 'batch: filters' filtered
try 'batch: refused' refused
try 'batch: beside its sources' beside_its_sources
try 'batch: killed' killed
try 'batch: interrupted' interrupted
try 'batch: --json' as_json
finish
