# docs/TLB.md has every preset, and every geometry that the command prints for it in the row of that preset.
mapwalk help tlb | awk '
    /^presets:/ { listing = 1; next }
    listing && /^[a-z0-9-]+: / { name = $1; sub(":", "", name); print name, "`" name "`" }
    listing && /^  (l1i|l1d|l2|l2i|walk-cache) / { print name, "`" $2 "`" }
' >wanted
grep -c . wanted
while read -r name words; do
    grep "^| \`$name\` " docs/TLB.md | grep -qF -- "$words" || echo "docs/TLB.md: $name has no $words"
done <wanted
# A run on each of them.
cut -d' ' -f1 wanted | sort -u | while read -r name; do
    mapwalk run --check --tlb "$name" -o /dev/null data/memory.mw || echo "--tlb $name: $?"
done
