# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# The number of functions over 40 lines in src and tools may fall but not grow. $1: the file that holds the number.
limit=$(grep -v '^#' "$1")
long=$(sources src tools | xargs awk -f "$tidy/functions.awk" | awk '$4 > 40')
count=$(printf '%s' "$long" | grep -c '')
if [ "$count" -lt "$limit" ]; then
    echo "note: $count functions over 40 lines; lower the number in tests/tidy/ratchet from $limit"
fi
[ "$count" -le "$limit" ] || {
    printf '%s\n' "$long" | awk '{ printf "%s:%d: %s has %d lines, more than 40\n", $1, $2, $3, $4 }'
    echo "tests/tidy/ratchet:1: allows $limit functions over 40 lines, there are $count"
    false
}
