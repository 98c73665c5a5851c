# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# No function is longer than 70 lines unless a comment /* LONG: reason */ stands above it.
sources src include tools tests bench | xargs awk -f "$tidy/functions.awk" | awk '
    $4 > 70 && !$5 { printf "%s:%d: %s has %d lines, more than 70\n", $1, $2, $3, $4 }' | verdict
