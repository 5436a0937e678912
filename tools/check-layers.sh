#!/bin/bash
# Who may include whom: reads the #include lines of every source. Prints `ok` or `not ok`.
# The floors are those of the picture in ARCHITECTURE.md; third parties have one floor each.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1

shopt -s nullglob globstar
files=({base,net,statemachine,storage,transcode,pipeline,service,cli,tests}/**/*.[ch])
if [ ${#files[@]} -eq 0 ]; then
    echo 'not ok layers: no sources'
    exit 1
fi

awk '
    BEGIN {
        below["base"] = "base"
        below["net"] = "net base"
        below["statemachine"] = "statemachine base"
        below["transcode"] = "transcode base"
        below["storage"] = "storage net base"
        below["pipeline"] = "pipeline statemachine storage transcode net base"
        below["service"] = "service " below["pipeline"]
        below["cli"] = "cli " below["service"]
        below["tests"] = "tests " below["cli"]
    }
    function refuse(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, $0, why; bad = 1 }
    # Where a library may be included: a pattern on the file name; "" when it is none of ours to rule.
    function floor_of(header) {
        if (header ~ /^lib(av|sw|postproc)[a-z]*\//) return "^(transcode|tests)/"
        if (header ~ /^curl\//) return "^(net|tests)/"
        if (header ~ /^microhttpd/) return "^(service|tests)/"
        if (header ~ /^jansson/) return "^base/jx\\.h$"
        if (header ~ /^sqlite3/) return "^(base/db[a-z_]*\\.[ch]|tests/faulty_vfs\\.c)$"
        # The failure sweep wraps the calls themselves.
        if (header ~ /^openssl\//) return "^(base/hash[a-z_]*\\.[ch]|tests/faults/wraps\\.c)$"
        if (header ~ /^cmocka/) return "^base/test\\.h$"
        return ""
    }
    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        quoted = $0 ~ /include[ \t]*"/
        header = $0
        sub(/^[^<"]*[<"]/, "", header)
        sub(/[>"].*$/, "", header)
        split(FILENAME, own, "/")
        if (!quoted) {
            place = floor_of(header)
            if (place != "" && FILENAME !~ place) refuse("belongs to " place)
            next
        }
        if (header !~ /\//) { refuse("want a path from the root"); next }
        split(header, theirs, "/")
        if (index(" " below[own[1]] " ", " " theirs[1] " ") == 0)
            refuse(own[1] "/ may include " below[own[1]])
        else if (header ~ /_priv\.h$/ && own[1] != theirs[1])
            refuse("private to " theirs[1] "/")
    }
    END { exit bad }
' "${files[@]}"
bad=$?
if [ $bad -eq 0 ]; then echo 'ok layers'; else echo 'not ok layers'; fi
exit $bad
