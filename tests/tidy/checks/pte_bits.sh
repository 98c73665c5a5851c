# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# The bits of a PTE are touched in src/hw/pte.h only: outside src/hw nobody looks into .raw of a PTE, and but for pte.h
# nobody makes a pte_t from a number or shifts its constants. $1: a list of files that may, "file: reason" a line.
exceptions=$(sed -n 's/^\([^#: ]*\):.*/\1/p' "$1")
sources src tools | grep -vx 'src/hw/pte\.h' | while IFS= read -r file; do
    printf '%s\n' "$exceptions" | grep -qxF "$file" || printf '%s\n' "$file"
done | xargs awk '
    { code = $0; gsub(/\/\*.*\*\//, "", code) }
    code ~ /^ *(\*|\/\*)/ { next }
    FILENAME !~ /^src\/hw\// && code ~ /(^|[^a-z_])([a-z_]*_)?(pte|leaf)(\.|->)raw/ {
        printf "%s:%d: looks into a PTE: use hw/pte.h\n", FILENAME, FNR
    }
    code ~ /\(pte_t\) *[{]/ { printf "%s:%d: makes a PTE from a number: use pte_make or pte_none\n", FILENAME, FNR }
    code ~ /PTE_[VRWXUGAD] *(<<|>>)/ { printf "%s:%d: shifts a PTE bit\n", FILENAME, FNR }
' | verdict
