# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# docs/ARCHITECTURE.md lists every file of src and include ("| `src/base/addr.h` | ..."), and none that is gone.
page=docs/ARCHITECTURE.md
{
    sources src include | while IFS= read -r file; do
        grep -qF "| \`$file\` |" "$page" || printf '%s:1: is not in the reading order of %s\n' "$file" "$page"
    done
    grep -no '^| `[a-z]*/[^`]*\.[ch]` |' "$page" | tr -d '`| ' | while IFS=: read -r line file; do
        [ -f "$file" ] || printf '%s:%s: there is no %s\n' "$page" "$line" "$file"
    done
} | verdict
