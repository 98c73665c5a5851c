# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# A file holds one concept in less than 700 lines.
sources src include tools tests bench | while IFS= read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -lt 700 ] || echo "$file:$lines: has $lines lines, 700 or more"
done | verdict
