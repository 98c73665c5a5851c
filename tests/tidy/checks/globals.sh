# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# No writable globals, and no writable static data in functions.
#
# $1: a file with the paths of object files, one a line, of all sources; they are compiled without PIC, so that constant
# tables of pointers lie in .rodata, and without sanitizers or coverage, which add data of their own.
[ -s "$1" ] || { echo "no list of objects: $1"; exit 1; }
while IFS= read -r object; do
    nm -- "$object" | awk -v object="$object" '
        $(NF - 1) ~ /^[dDbBCsSgG]$/ {
            sub(/.*\.dir\//, "", object); gsub(/__\//, "", object); sub(/\.o$/, "", object)
            sub(/\.[0-9]+$/, "", $NF); sub(/.*\./, "", $NF) # gcc: calls.0, clang: function.calls
            printf "%s:1: %s is writable data\n", object, $NF
        }'
done <"$1" | verdict
