#!/bin/sh
# The files of 9front's webfs from a POSIX shell: connects, sends a message, prints what comes and
# answers it. What it needs of websock are typed records, which a shell can take apart byte by byte.
#
# usage: webfs.sh URL        for example with: websockd --record typed -- cat

# Lengths are bytes.
LC_ALL=C
export LC_ALL
umask 077
set -eu
url=${1:?usage: webfs.sh URL}

dir=${TMPDIR:-/tmp}/webfs.$$
mkdir "$dir"
trap 'rm -rf "$dir"' EXIT
mkfifo "$dir/to" "$dir/from"
websock -e --record typed --ready "$url" <"$dir/to" >"$dir/from" &
exec 3>"$dir/to" 4<"$dir/from"

# Sends its argument as one text message.
send() {
    printf 't %020d%s' "${#1}" "$1" >&3
}

# Reads as many bytes as its argument says, and no more. The x keeps newlines at the end.
take() {
    [ "$1" -eq 0 ] || dd bs=1 count="$1" <&4 2>/dev/null
    printf x
}

# The line "websocket ready"; without it websock has said why.
IFS= read -r line <&4 || { wait $!; exit; }
echo "$line"
send 'First message sent'

while header=$(take 22) && [ "$header" != x ]; do
    header=${header%x}
    type=${header%% *}
    length=${header#* }
    # Zeros in front would make it octal.
    length=${length#"${length%%[!0]*}"}
    length=${length:-0}
    body=$(take "$length")
    printf 'TYPE %s\nLENGTH %s\nBODY %s\n' "$type" "$length" "${body%x}"
    [ "$body" != 'Echo testx' ] || break
    send 'Echo test'
done

# End of input: websock closes, and its exit status is ours.
exec 3>&-
cat <&4 >/dev/null
wait $!
