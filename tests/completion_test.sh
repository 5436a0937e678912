#!/bin/bash
# What `splitreel completion` prints, read by the shells that it is for: every verb and every option of
# every verb is offered, words where there is a list of them, files otherwise.
. tests/lib.sh
mkdir "$work/bin" && ln -s "$(realpath "$SPLITREEL")" "$work/bin/splitreel"
export PATH=$work/bin:$PATH HOME=$work

# offered SHELL WORD...: what it offers for the last word, a line each.
offered_bash()
{
    bash --norc --noprofile -c 'source <(splitreel completion bash) || exit
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _splitreel "$1" "${!#}"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}
# The shell's own functions that would show them print them instead.
offered_zsh()
{
    zsh -f -c 'autoload -Uz compinit && compinit -u -D && source <(splitreel completion zsh) || exit
        [[ $_comps[splitreel] == _splitreel ]] || exit
        _describe() { local one; for one in "${(@P)2}"; do print -r -- "${${one//\\:/=}%%:*}"; done | tr = :; }
        compadd() { shift; print -rl -- "$@"; }
        _files() { ls -A; }
        words=("$@") CURRENT=$#
        _splitreel' zsh "$@" </dev/null
}
offered_fish()
{
    local line=$1
    shift
    [ $# -eq 0 ] || line+=$(printf ' %s' "$@")
    fish --no-config -c 'splitreel completion fish | source; complete -C "$argv[1]"' "$line" | cut -f1
}
has() { grep -qxF -- "$1" offered || { head -n 40 offered; complain "not offered: $1"; }; }
has_not() { ! grep -qxF -- "$1" offered || complain "offered: $1"; }

verbs() { "$SPLITREEL" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p'; }
# The option rows of a verb, all spellings, as its help shows them.
options() { "$SPLITREEL" "$@" --help | sed -n 's/^  \(-[^ ]*\(, -[^ ]*\)*\).*/\1/p' | tr -d ' ' | tr ',' '\n' | grep .; }

every_verb()
{
    local verb
    "offered_$1" splitreel '' >offered
    [ "$(verbs | wc -l)" -ge 15 ] || complain 'verbs are missing' || return
    for verb in $(verbs); do has "$verb" || return; done
    has_not child
}
every_option()
{
    local verb option
    for verb in $(verbs); do
        options "$verb" >wanted
        [ -s wanted ] || [ "$verb" = sm ] || complain "$verb has no options" || return
        "offered_$1" splitreel "$verb" - >offered
        [ "$1" != fish ] || "offered_fish" splitreel "$verb" -- >>offered
        while read -r option; do has "$option" || { complain "$verb"; return 1; }; done <wanted
    done
    options sm run >wanted
    "offered_$1" splitreel sm run -- >offered
    while read -r option; do case $option in --*) has "$option" || return ;; esac; done <wanted
    has --mock && has_not --server
}
words_and_files()
{
    "offered_$1" splitreel serve --log-level '' >offered
    has debug && has error && has_not --listen || return
    "offered_$1" splitreel run --template hls >offered
    has hls-1080p || return
    "offered_$1" splitreel completion '' >offered
    has bash && has zsh && has fish || return
    "offered_$1" splitreel sm '' >offered
    has validate && has list || return
    "offered_$1" splitreel config '' >offered
    has show && has check || return
    "offered_$1" splitreel no-such-verb - >offered
    has_not --config
}
# Files: of bash the shell's own function is told to take over when nothing is offered.
files()
{
    : >film.mov
    case $1 in
    bash) bash --norc --noprofile -c 'source <(splitreel completion bash); complete -p splitreel' >offered
        grep -q 'default.*_splitreel splitreel' offered ;;
    *) "offered_$1" splitreel run -i film >offered && has film.mov && "offered_$1" splitreel run film >offered && has film.mov ;;
    esac
}
wrong_words()
{
    status 2 "$SPLITREEL" completion && status 2 "$SPLITREEL" completion csh && says 'bash, zsh or fish' &&
        status 2 "$SPLITREEL" completion bash bash && status 0 "$SPLITREEL" completion --help
}

try 'completion: wrong words' wrong_words
for shell in bash zsh fish; do
    if ! command -v $shell >/dev/null; then
        echo "skip completion: $shell (is not installed)"
        continue
    fi
    try "completion: $shell: every verb" every_verb $shell
    try "completion: $shell: every option of every verb" every_option $shell
    try "completion: $shell: words after verbs and options" words_and_files $shell
    try "completion: $shell: files" files $shell
done
finish
