_splitreel()
{
    local program=$words[1] verb=$words[2] sub=$words[3] last= value= line
    local -a offers fields subs options choices
    if ((CURRENT == 2)); then
        offers=("${(@f)$(_splitreel_offer $program)}")
    else
        offers=("${(@f)$(_splitreel_offer $program $verb)}")
        if ((CURRENT > 3)); then
            last=$words[CURRENT-1]
            [[ -n ${(M)offers:#sub$'\t'$sub$'\t'*} ]] && offers=("${(@f)$(_splitreel_offer $program $verb $sub)}")
        fi
    fi
    for line in $offers; do
        fields=("${(@s:	:)line}")
        [[ $fields[1] == option && $fields[3] != - && $last == -* && ${last##-#} == ${fields[2]##-#} ]] && value=$fields[2]
    done
    for line in $offers; do
        fields=("${(@s:	:)line}")
        case $fields[1] in
        (choice) [[ $fields[2] == $value ]] && choices+=($fields[3]) ;;
        (sub) subs+=("$fields[2]:$fields[4]") ;;
        (option) options+=("${fields[2]//:/\\:}:$fields[4]") ;;
        esac
    done
    if [[ -n $value ]]; then
        (($#choices)) && compadd -- $choices || _files
    elif [[ $words[CURRENT] == -* ]]; then
        _describe option options
    elif ((CURRENT <= 3 && $#subs)); then
        _describe word subs || _files
    else
        _files
    fi
}
# Read by `source`, or found as _splitreel in a folder of $fpath.
if [[ $funcstack[1] == _splitreel ]]; then
    _splitreel "$@"
else
    compdef _splitreel splitreel
fi
