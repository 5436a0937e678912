# Words that begin like the one under the cursor, of a kind and a name.
_splitreel()
{
    local program=$1 current=$2 verb=${COMP_WORDS[1]} sub=${COMP_WORDS[2]} last= value= kind name of help offers
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        offers=$(_splitreel_offer "$program")
        verb=
    else
        offers=$(_splitreel_offer "$program" "$verb")
        if ((COMP_CWORD > 2)); then
            last=${COMP_WORDS[COMP_CWORD - 1]}
            [[ $'\n'$offers == *$'\n'sub$'\t'$sub$'\t'* ]] && offers=$(_splitreel_offer "$program" "$verb" "$sub")
        fi
    fi
    while IFS=$'\t' read -r kind name of help; do
        [[ $kind == option && $of != - && $last == -* && ${last#-} == ${name#-} ]] && value=$name
        [[ $kind == option && $of != - && $last == -* && ${last#--} == ${name#--} ]] && value=$name
    done <<<"$offers"
    while IFS=$'\t' read -r kind name of help; do
        case $kind in
        choice) [[ $value == "$name" && $of == "$current"* ]] && COMPREPLY+=("$of") ;;
        sub) ((COMP_CWORD <= 2)) && [[ $name == "$current"* ]] && COMPREPLY+=("$name") ;;
        option) [[ -z $value && $current == -* && $name == "$current"* ]] && COMPREPLY+=("$name") ;;
        esac
    done <<<"$offers"
}
complete -o bashdefault -o default -F _splitreel splitreel
