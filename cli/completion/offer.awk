# Reads the help text of splitreel or of one of its verbs and tells, separated by tabs, what can follow:
#   sub NAME - HELP          a verb, or a word after one
#   option NAME VALUE HELP   VALUE is "-" when it takes none
#   choice NAME WORD -       one of the words that the help text of its value lists
# Holds no quote and no backslash, because it stands in quotes in the scripts of three shells.
BEGIN { OFS = sprintf("%c", 9) }
function print_choices(name, help,    text, count, words, i) {
    text = help
    sub(/ *[:;(].*/, "", text)
    gsub(/,? or /, ", ", text)
    count = split(text, words, /, */)
    for (i = 1; i <= count; i++)
        if (words[i] !~ /^[a-z0-9][a-z0-9-]*$/) return
    for (i = 1; count > 1 && i <= count; i++) print "choice", name, words[i], "-"
}
function end_option(    count, parts, names, i, value) {
    if (left == "") return
    names = 0
    value = ""
    count = split(left, parts, / /)
    for (i = 1; i <= count; i++) {
        if (parts[i] ~ /^-/) { sub(/,$/, "", parts[i]); name[++names] = parts[i] }
        else value = value parts[i]
    }
    for (i = 1; i <= names; i++) {
        print "option", name[i], value == "" ? "-" : value, help
        if (value ~ /^[A-Z]+$/ && value != "N") print_choices(name[i], help)
    }
    left = ""
}
/^ +[^ ]/ && left != "" && help == "" { help = $0; sub(/^ +/, "", help); end_option(); next }
{ end_option() }
/^  -/ {
    left = substr($0, 3)
    help = ""
    if (match(left, /  +/)) { help = substr(left, RSTART + RLENGTH); left = substr(left, 1, RSTART - 1) }
}
/^  [a-z]+  +[^ ]/ {
    help = substr($0, 3)
    sub(/^[a-z]+ +/, "", help)
    sub(/^[[]?[A-Z-]+[]]? +/, "", help)
    print "sub", $1, "-", help
}
/^splitreel [a-z]+ [a-z]+ / {
    help = $0
    if (!sub(/.* - /, "", help)) help = ""
    print "sub", $3, "-", help
}
END { end_option() }
