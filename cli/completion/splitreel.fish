function _splitreel
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l offers
    set -l value ''
    set -l last ''
    set -l tab (printf '\t')
    if test (count $words) -eq 1
        set offers (_splitreel_offer $words[1])
    else
        set offers (_splitreel_offer $words[1] $words[2])
        if test (count $words) -gt 2
            set last $words[-1]
            if string match -q -- "sub$tab$words[3]$tab*" $offers
                set offers (_splitreel_offer $words[1] $words[2] $words[3])
            end
        end
    end
    for line in $offers
        set -l fields (string split $tab -- $line)
        if test "$fields[1]" = option -a "$fields[3]" != -; and string match -q -- '-*' $last
            and test (string trim -l -c - -- $last) = (string trim -l -c - -- $fields[2])
            set value $fields[2]
        end
    end
    for line in $offers
        set -l fields (string split $tab -- $line)
        switch $fields[1]
            case choice
                test "$value" = "$fields[2]"; and printf '%s\n' $fields[3]
            case sub
                test (count $words) -le 2; and printf '%s\t%s\n' $fields[2] $fields[4]
            case option
                if test -z "$value"; and string match -q -- '-*' $current
                    printf '%s\t%s\n' $fields[2] $fields[4]
                end
        end
    end
    if not string match -q -- '-*' $current; and test (count $words) -gt 1
        __fish_complete_path $current
    end
end
complete -c splitreel -f -a '(_splitreel)'
