# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# At least 15 of 100 lines in src are comments.
sources src | xargs awk '
    { lines++ }
    /^[ \t]*(\/\*|\/\/)/ { inside = 1 }
    inside || /\/\*/ { comments++ }
    /\*\// || /^[ \t]*\/\// { inside = 0 }
    END {
        if (comments * 100 < lines * 15)
            printf "src:1: %d of %d lines are comments, less than 15 %%\n", comments, lines
    }' | verdict
