#!/bin/bash
# The documents against the program: every verb has a page that holds its help as it is, every option,
# path, link, make target and name that a document mentions exists, and docs/traps.md names a test for
# every trap.
. tests/lib.sh
root=$PWD
mapfile -t pages < <(ls README.md ARCHITECTURE.md CONTRIBUTING.md docs/*.md docs/commands/*.md bench/README.md)

# Says each line it reads as a fault; fails if there was one.
none()
{
    local line bad=0
    while IFS= read -r line; do
        complain "$line"
        bad=1
    done
    return "$bad"
}
offers() { "$SPLITREEL" "$@" --help | awk -f "$root/cli/completion/offer.awk"; }
verbs() { offers | cut -f2; }

# FILE:LINE, "line" or "span", and text of what stands in code: blocks, and between `.
code()
{
    (cd "$root" && awk '
    FNR == 1 { fenced = 0 }
    /^```/ { fenced = !fenced; next }
    fenced || /^    / { print FILENAME ":" FNR "\tline\t" $0; next }
    { count = split($0, part, "`"); for (at = 2; at < count; at += 2) print FILENAME ":" FNR "\tspan\t" part[at] }' "${pages[@]}")
}

# The verbs -----------------------------------------------------------------------------------------
a_page_per_verb()
{
    local verb
    diff <(verbs | sort) <(cd "$root/docs/commands" && ls | sed 's/\.md$//' | sort) || complain 'verbs and pages differ' || return
    for verb in $(verbs); do
        grep -qF "[$verb](commands/$verb.md)" "$root/docs/cli.md" || complain "docs/cli.md leads not to $verb" || return
        grep -qE "^\\\$ splitreel $verb( [a-z]+)? --help\$" "$root/docs/commands/$verb.md" || complain "no help: $verb" || return
        grep -qi 'exit status' "$root/docs/commands/$verb.md" || complain "no exit status: $verb" || return
    done
    for verb in $(offers sm | cut -f2); do
        grep -qxF "\$ splitreel sm $verb --help" "$root/docs/commands/sm.md" || complain "no help: sm $verb" || return
    done
}
the_help_as_it_is()
{
    "$root/tools/docs-help.sh" "$SPLITREEL" now || return
    diff -r "$root/docs/commands" now || complain '`make docs` puts the help into the pages'
}

# FILE:LINE, VERB and option of what documents say in code. VERB is "-" where any verb may be meant: an
# option alone, elsewhere than on a verb's page.
options_said()
{
    code | awk -F '\t' '
    BEGIN { while (("cat verbs.txt" | getline name) > 0) is_verb[name] = 1 }
    {
        page = "-"
        if (match($1, /commands\/[a-z]+\.md/)) page = substr($1, RSTART + 9, RLENGTH - 12)
        count = split($3, word, /[ \t]+/)
        verb = ""
        for (i = 1; i <= count; i++) {
            name = word[i]
            if (name ~ /(^|[(\/])splitreel$/) { verb = word[++i]; continue }
            if (i == 1 && $2 == "span" && name in is_verb) { verb = name; continue }
            if (i == 1 && $2 == "span" && name ~ /^-/) verb = page
            if (name ~ /^(\||&&|#|>.*|2>.*)$/) verb = ""
            if (verb == "") continue
            ends = name ~ /;$/
            gsub(/^\[|[],);]+$|=.*/, "", name)
            if (name ~ /^--?[a-z][a-z0-9:-]*$/) print $1 "\t" verb "\t" name
            if (ends) verb = ""
        }
    }'
}
options_are_there()
{
    local place verb option said
    verbs >verbs.txt
    for verb in $(verbs); do
        {
            offers "$verb"
            case $verb in
            batch | submit) offers run ;;
            sm) for said in $(offers sm | cut -f2); do offers sm "$said"; done ;;
            esac
        } | sed -n 's/^option\t\([^\t]*\)\t.*/\1/p' | sed 's/^--*//' | sort -u >"of-$verb"
    done
    cat of-* | sort -u >of--
    # what `run` refuses with its reason, an option of FFmpeg's own, and ends of files' names
    printf '%s\n' b:v enable-gpl wal shm >>of--
    echo b:v >>of-run
    options_said >said.txt
    [ "$(wc -l <said.txt)" -gt 200 ] || complain 'too few were found' || return
    while IFS=$'\t' read -r place verb option; do
        [ "$verb" != VERB ] || continue
        [ -e "of-$verb" ] || { echo "$place: there is no verb $verb"; continue; }
        grep -qxF -- "${option#"${option%%[!-]*}"}" "of-$verb" || echo "$place: $verb has no $option"
    done <said.txt | none
}

# What else is named --------------------------------------------------------------------------------
paths_are_there()
{
    local path
    cd "$root" || return
    {
        grep -ohE '(^|[^A-Za-z0-9_./-])(base|bench|cli|docs|etc|media-fixtures|net|pipeline|service|statemachine|storage|tests|tools|transcode)/[A-Za-z0-9_./*-]+' "${pages[@]}" |
            sed -E 's/^[^a-z]//; s/[.]+$//'
        git ls-files | grep -E '\.([ch]|sh|json)$|^Makefile$|^setup$|^tools/' | xargs grep -ohE '\bdocs/[a-z/-]+\.md'
    } | sort -u | while IFS= read -r path; do
        [[ $path =~ (^|[/_])x([._/]|$) ]] || # a name to be chosen, in recipes
            compgen -G "$path" >/dev/null || [ -e "$path.h" ] || [ -e "$path.c" ] || [ -e "$path.sh" ] || echo "there is no $path"
    done | none
}
# The anchors of a page, as they are made of its headings.
anchors() { sed -n 's/^##* //p' "$1" | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'; }
links_lead_somewhere()
{
    local page link file
    cd "$root" || return
    for page in "${pages[@]}"; do
        while IFS= read -r link; do
            case $link in *://*) continue ;; esac
            file=$(dirname "$page")/${link%%#*}
            [ -n "${link%%#*}" ] || file=$page
            [ -e "$file" ] || { echo "$page: $link: there is no $file"; continue; }
            case $link in *#*) anchors "$file" | grep -qxF -- "${link#*#}" || echo "$page: $link: no such heading" ;; esac
        done < <(awk '/^```/ { fenced = !fenced } !fenced' "$page" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//')
    done | none
}
every_page_is_found()
{
    local page
    cd "$root" || return
    for page in docs/*.md; do
        grep -qE "\]\(([a-z./]*/)?${page##*/}[)#]" $(printf '%s\n' "${pages[@]}" | grep -vxF "$page") || echo "nothing leads to $page"
    done | none
}
targets_are_there()
{
    local target
    cd "$root" || return
    code | cut -f3 | sed -nE 's/^(.* )?make ([a-z][a-z-]*).*/\2/p' | sort -u | while IFS= read -r target; do
        grep -qE "^([a-z -]* )?$target( [a-z -]*)?:" Makefile || echo "make has no $target"
    done | none
}
# Functions, limits, keys, modules: what has an underscore in code, but for what other programs and
# their recordings call so.
names_are_there()
{
    cd "$root" || return
    {
        git ls-files | grep -vE '\.md$|^tests/fuzz/corpus/' | sed 's|.*/||; s|\..*||'
        git ls-files | grep -vE '\.md$|^tests/fuzz/corpus/' | xargs cat | tr -c 'A-Za-z0-9_' '\n'
    } | sort -u >"$work/words.txt"
    code | sed -n 's/^[^\t]*\tspan\t//p' |
        sed -n 's/()$//; /_/{/^[A-Za-z_][A-Za-z0-9_]*$/p}' | grep -vE '^(test|y)_[a-z_]*$|^(ID_STREAM|aac_[12])$' | sort -u >"$work/said.txt"
    [ "$(wc -l <"$work/said.txt")" -gt 100 ] || complain 'too few were found' || return
    # metrics are made of two halves
    comm -23 "$work/said.txt" "$work/words.txt" | while IFS= read -r name; do
        grep -qE "(^|_)${name#splitreel_}\$" "$work/words.txt" || echo "nothing is called $name"
    done | none
}

# Traps ---------------------------------------------------------------------------------------------
# Names that a program's source gives its tests.
has_test()
{
    case $1 in
    *_test) [ -e "tests/$1.c" ] && { grep -qF -- "\"$2" "tests/$1.c" || grep -qE "cmocka_unit_test\($2\)" "tests/$1.c"; } ||
        { [ -e "tests/$1.sh" ] && grep -qE "try ['\"]$2" "tests/$1.sh"; } ;;
    *) false ;;
    esac
}
traps_have_tests()
{
    local row named test
    cd "$root" || return
    [ "$(grep -c '^| .* |$' docs/traps.md)" -eq 13 ] || complain 'not 12 traps and the heading' || return
    while IFS= read -r row; do
        named=$(cut -d'|' -f4 <<<"$row" | grep -oE '`[a-z]+_test: [^`]+`' | tr -d '`')
        [ -n "$named" ] || echo "no test:$(cut -d'|' -f2 <<<"$row")"
        while IFS= read -r test; do
            has_test "${test%%: *}" "${test#*: }" || echo "no test $test"
        done <<<"$named"
    done < <(grep '^| .* |$' docs/traps.md | tail -n +2) | none
}

try 'docs: a page for every verb' a_page_per_verb
try 'docs: the help texts as they are' the_help_as_it_is
try 'docs: every option is there' options_are_there
try 'docs: every path is there' paths_are_there
try 'docs: every link leads somewhere' links_lead_somewhere
try 'docs: every page is found' every_page_is_found
try 'docs: every make target is there' targets_are_there
try 'docs: every name is in the code' names_are_there
try 'docs: every trap has tests' traps_have_tests
finish
