# bash completion for websockd
# made from the option table by: UPDATE=1 cargo test --test completions
_websockd() {
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
        -p|--port|-a|--address|--unix|--unixsocket|--unix-mode|--redirect-port|--redirport|--trust-proxy|--backlog|--tls-cert|--sslcert|--tls-key|--sslkey|--tls-client-ca|--sslca|--record|--invalid-utf8|--protocol|--dir|--stderr|--env|--pass-env|--passenv|--chdir|--grace|--closems|--origin|--host|--static-dir|--staticdir|--cgi-dir|--cgidir|--header|--header-ws|--header-http|--max-clients|--maxforks|--max-clients-per-address|--max-message|--maxframesize|--handshake-timeout|--idle-timeout|--write-timeout|--ping|--pingms|--user|--chroot|--limit|--pid-file|--log-level|--loglevel|--log-format)
            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
            ((i += 2))
            ;;
        --) ((i++)); break ;;
        -*) ((i++)) ;;
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
    --tls-cert) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --tls-key) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --tls-client-ca) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --record) mapfile -t COMPREPLY < <(compgen -W 'line nul typed raw' -- "$cur"); return ;;
    --invalid-utf8) mapfile -t COMPREPLY < <(compgen -W 'replace close' -- "$cur"); return ;;
    --dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --stderr) mapfile -t COMPREPLY < <(compgen -W 'log inherit null tagged' -- "$cur"); return ;;
    --chdir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --static-dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --cgi-dir) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --chroot) mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$cur"); return ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json websocketd' -- "$cur"); return ;;
    -p|--port|-a|--address|--unix|--unixsocket|--unix-mode|--redirect-port|--redirport|--trust-proxy|--backlog|--tls-cert|--sslcert|--tls-key|--sslkey|--tls-client-ca|--sslca|--record|--invalid-utf8|--protocol|--dir|--stderr|--env|--pass-env|--passenv|--chdir|--grace|--closems|--origin|--host|--static-dir|--staticdir|--cgi-dir|--cgidir|--header|--header-ws|--header-http|--max-clients|--maxforks|--max-clients-per-address|--max-message|--maxframesize|--handshake-timeout|--idle-timeout|--write-timeout|--ping|--pingms|--user|--chroot|--limit|--pid-file|--log-level|--loglevel|--log-format) return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-p --port -a --address --unix --unix-mode --redirect-port --inetd --proxy-protocol --trust-proxy --backlog --reuse-port --tls --tls-cert --tls-key --tls-client-ca --record -0 -b --binary --invalid-utf8 --protocol --dir --stderr --passstderr --env --pass-env --reverse-lookup --chdir --grace --origin --same-origin --any-origin --require-origin --host --static-dir --list --cgi-dir --console --header --header-ws --header-http --max-clients --max-clients-per-address --max-message --handshake-timeout --idle-timeout --write-timeout --ping --user --chroot --limit --no-sandbox --daemon --pid-file --log-level --log-format --syslog --check -h --help -V --version --license' -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    fi
}
complete -o filenames -F _websockd websockd
