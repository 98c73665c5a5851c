# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# The shared library shows mw_ names only, and every function that the public headers declare.
# $1: the shared library; without it, ROOT/symbols holds the output of nm.
shown=$(if [ $# -gt 0 ]; then nm -D --defined-only -- "$1"; else cat symbols; fi |
    awk 'NF >= 3 && $2 != "A" { sub(/@.*/, "", $3); print $3 }')
declared=$(sources include/mapwalk | xargs awk '
    /^[ \t]*[*\/]/ || /^typedef/ || /^#/ { next }
    match($0, /(^| |\*)mw_[a-z0-9_]+\(/) {
        name = substr($0, RSTART, RLENGTH - 1); sub(/^[ *]/, "", name)
        print FILENAME ":" FNR, name
    }')
{
    printf '%s\n' "$shown" | awk 'NF && !/^mw_/ { print "symbols:1: " $1 " is shown but does not begin with mw_" }'
    printf '%s\n' "$declared" | while read -r place name; do
        [ -z "$name" ] || printf '%s\n' "$shown" | grep -qx "$name" || echo "$place: $name is declared but not in the library"
    done
} | verdict
