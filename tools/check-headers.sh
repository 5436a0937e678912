#!/bin/bash
# Every header compiles alone. CC and FLAGS come from the Makefile. Prints `ok` or `not ok`.
set -u
cd "$(dirname "$0")/.." || exit 1

bad=0
for header in {base,net,statemachine,storage,transcode,pipeline,service,cli,tests,tests/*}/*.h; do
    [ -f "$header" ] || continue
    # shellcheck disable=SC2086 # FLAGS is a list of words
    ${CC:-cc} ${FLAGS:-} -Werror -fsyntax-only -include "$header" -x c /dev/null 2>&1 || {
        echo "$header does not compile alone"
        bad=1
    }
done
if [ $bad -eq 0 ]; then echo "ok every header compiles alone (${CC:-cc})"; else echo "not ok every header compiles alone (${CC:-cc})"; fi
exit $bad
