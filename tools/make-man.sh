#!/bin/bash
# tools/make-man.sh SPLITREEL FOLDER - writes the man pages splitreel(1), from the program's help texts
# and the table of exit statuses in docs/cli.md, and, with lowdown, splitreel-manifest(5) from
# docs/manifest.md.
set -euo pipefail
program=$(realpath "${1:?the program}")
folder=$(mkdir -p "${2:?the folder}" && realpath "$2")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A help text as roff: its options and words after verbs as lists, its examples as they are.
roff()
{
    awk '
    function text(s) { gsub(/\\/, "\\e", s); gsub(/-/, "\\-", s); sub(/^[.'"'"']/, "\\\\\\&&", s); return s }
    function say(s) { close_example(); print text(s) }
    function close_example() { if (example) print ".fi\n.RE"; example = 0 }
    function item(name, value, help) {
        close_example()
        printf ".TP\n\\fB%s\\fR%s\n", text(name), value == "" ? "" : " \\fI" text(value) "\\fR"
        if (help != "") print text(help)
    }
    /^  -/ {
        line = substr($0, 3); help = ""; value = ""
        if (match(line, /  +/)) { help = substr(line, RSTART + RLENGTH); line = substr(line, 1, RSTART - 1) }
        if (match(line, / [^- ][^ ]*$/)) { value = substr(line, RSTART + 1); line = substr(line, 1, RSTART - 1) }
        item(line, value, help); next
    }
    /^  [a-z]+  +[^ ]/ { line = substr($0, 3); name = $1; sub(/^[a-z]+ +/, "", line); item(name, "", line); next }
    /^          / { sub(/^ +/, ""); say($0); next }
    /^  / { if (!example) print ".PP\n.RS 4\n.nf"; example = 1; print text(substr($0, 3)); next }
    /^splitreel/ { close_example(); if (NR > 1) print ".br"
        at = index($0, " - ")
        if (at) printf "\\fB%s\\fR\n%s\n", text(substr($0, 1, at - 1)), text(substr($0, at + 1))
        else print text($0)
        next }
    /^$/ { close_example(); blank = 1; next }
    { if (blank) { close_example(); print ".PP" } blank = 0; say($0) }
    END { close_example() }'
}

section()
{
    printf '.SS %s\n' "$*"
    "$program" "$@" --help | roff
}

page_one()
{
    local verb sub status meaning
    printf '.\\" Made by tools/make-man.sh.\n.TH SPLITREEL 1 "" "%s" "User commands"\n' \
        "$("$program" --version | cut -d' ' -f1-2)"
    printf '.SH NAME\nsplitreel \\- transcodes one video in parallel, exactly\n.SH SYNOPSIS\n\\fBsplitreel\\fR \\fIVERB\\fR [\\fIoptions\\fR]\n'
    printf '.SH DESCRIPTION\n'
    printf '%s\n' 'Finds the random access points of a video, splits its timeline there, encodes the segments side by side, and joins' \
        'them without a seam. Every frame and audio sample of the source is in the output once, and the bytes of the output are the same' \
        'whatever the number of workers, their order, crashes or retries.' '.PP' \
        'Options take one dash or two; the word after an option is its value, whatever it looks like; after \fB\-\-\fR every word is' \
        'a file. Data goes to standard output, all else to standard error.' '.SH VERBS'
    while IFS=$'\t' read -r _ verb _; do
        section "$verb"
        while IFS=$'\t' read -r kind sub _; do
            # where a word after the verb has options of its own
            [ "$kind" != sub ] || ! "$program" "$verb" "$sub" --help 2>/dev/null | grep -q "^splitreel $verb $sub " ||
                [ "$("$program" "$verb" "$sub" --help)" = "$("$program" "$verb" --help)" ] || section "$verb" "$sub"
        done < <("$program" "$verb" --help | awk -f cli/completion/offer.awk)
    done < <("$program" --help | awk -f cli/completion/offer.awk)
    printf '.SH EXIT STATUS\n'
    sed -n '/^## Exit status/,$p' docs/cli.md | sed -n 's/^| \([0-9, ]*\) | \(.*\) |$/\1\t\2/p' |
        while IFS=$'\t' read -r status meaning; do
            printf '.TP\n\\fB%s\\fR\n%s\n' "$status" "$(sed 's/`//g; s/\\/\\e/g; s/-/\\-/g' <<<"$meaning")"
        done
    cat <<'ROFF'
.SH ENVIRONMENT
.TP
\fBSPLITREEL_CONFIG\fR
the configuration, where \fB\-\-config\fR does not name it
.TP
\fBSPLITREEL_STORES\fR
the stores file, where neither \fB\-\-stores\fR nor the configuration names it
.TP
\fBAWS_ACCESS_KEY_ID\fR, \fBAWS_SECRET_ACCESS_KEY\fR, \fBAWS_PROFILE\fR, \fBAWS_REGION\fR, \fBAWS_ENDPOINT_URL_S3\fR ...
keys and places, as for the tools of AWS
.TP
\fBTMPDIR\fR, \fBXDG_CACHE_HOME\fR
where temporary files are, and workspaces of outputs in stores
.SH SEE ALSO
\fBsplitreel\-manifest\fR(5), and the pages in docs/
ROFF
}

# The document, with the name that a man page begins with. Its links lead to files.
page_five()
{
    {
        printf '# NAME\n\nsplitreel-manifest - a whole job as one JSON document\n\n# DESCRIPTION\n'
        sed -e 1d -e 's/\[\([^]]*\)\]([^)]*)/\1/g' docs/manifest.md
    } | lowdown -s -Tman -M title=SPLITREEL-MANIFEST -M section=5 -M source=splitreel -M volume='File formats' |
        sed 's/\\fC/\\fB/g'
}

page_one >"$folder/splitreel.1"
if command -v lowdown >/dev/null; then
    page_five >"$folder/splitreel-manifest.5"
else
    echo 'make-man: lowdown is not installed: no splitreel-manifest(5)' >&2
fi
