#!/bin/bash
# docs/traps.md names a test for every row, and every test that it names exists.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
failures=0

# Names that a program's source gives its tests.
has_test()
{
    case $1 in
    *_test) [ -e "tests/$1.c" ] && { grep -qF -- "\"$2" "tests/$1.c" || grep -qE "cmocka_unit_test\($2\)" "tests/$1.c"; } ||
        { [ -e "tests/$1.sh" ] && grep -qE "try ['\"]$2" "tests/$1.sh"; } ;;
    *) false ;;
    esac
}

rows=$(grep -c '^| .* |$' docs/traps.md)
if [ "$rows" -eq 13 ]; then # 12 traps and the heading
    echo 'ok docs: traps.md has every trap'
else
    echo "not ok docs: traps.md has every trap ($rows lines)"
    failures=1
fi
while IFS= read -r row; do
    trap_name=$(cut -d'|' -f2 <<<"$row")
    named=$(cut -d'|' -f4 <<<"$row" | grep -oE '`[a-z]+_test: [^`]+`' | tr -d '`')
    bad=
    [ -n "$named" ] || bad='no test'
    while IFS= read -r test; do
        [ -n "$test" ] || continue
        has_test "${test%%: *}" "${test#*: }" || bad="no test $test"
    done <<<"$named"
    if [ -z "$bad" ]; then
        echo "ok docs:$trap_name"
    else
        echo "not ok docs:$trap_name($bad)"
        failures=1
    fi
done < <(grep '^| .* |$' docs/traps.md | tail -n +2)
exit "$failures"
