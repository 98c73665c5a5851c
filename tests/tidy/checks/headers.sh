# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# Each header compiles alone. $1: the C compiler.
sources src include bench | grep '\.h$' | while IFS= read -r header; do
    output=$("$1" -std=c17 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-function -Werror -Iinclude -Isrc \
        -fsyntax-only -x c -include "$header" /dev/null 2>&1) ||
        printf '%s:1: does not compile alone: %s\n' "$header" "$(printf '%s\n' "$output" | grep -m 1 'error')"
done | verdict
