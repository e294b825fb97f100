# bash completion for websock
# made from the option table by: UPDATE=1 cargo test --test completions
_websock() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i=1
    COMPREPLY=()
    # readline gives --name=value as three words
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    while ((i < COMP_CWORD)); do
        case ${COMP_WORDS[i]} in
        --unix|--proxy|--protocol|--header|--origin|--user|--timeout|--ca|--cert|--key|--record|--invalid-utf8|--max-message|--ping)
            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
            ((i += 2))
            ;;
        --) ((i++)); break ;;
        -*) ((i++)) ;;
        ws | wss | ws:* | wss:* | : | //*) ((i++)) ;;
        *) break ;;
        esac
    done
    if ((i < COMP_CWORD)); then
        if declare -F _command_offset >/dev/null; then
            _command_offset "$i"
        else
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
        return
    fi
    case $prev in
    --unix) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --ca) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --cert) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --key) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --record) mapfile -t COMPREPLY < <(compgen -W 'line nul typed raw' -- "$cur"); return ;;
    --invalid-utf8) mapfile -t COMPREPLY < <(compgen -W 'replace close' -- "$cur"); return ;;
    --unix|--proxy|--protocol|--header|--origin|--user|--timeout|--ca|--cert|--key|--record|--invalid-utf8|--max-message|--ping) return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--unix --proxy --protocol --header --origin --user --timeout --ca --cert --key -k --insecure --record -0 -b --binary --invalid-utf8 --max-message --ready -e --close-on-eof --ping --reconnect -q --quiet -v --verbose -h --help -V --version --license' -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -c -W 'ws:// wss://' -- "$cur")
    fi
}
complete -o filenames -F _websock websock
