# docs/WRITEBACK.md shows real outputs: below each command stands what it prints, and its scenarios hold.
ln -s docs/../tools tools
awk '
    /^```/ { inside = !inside; if (inside) name = "block" ++blocks; next }
    inside && /^\$ / && !(name in seen) { seen[name] = 1; print substr($0, 3) >(name ".command"); next }
    inside && name in seen { print >(name ".shown") }
    inside && /^file\(/ && !(name in seen) { scenario[name] = 1 }
    name in scenario && inside { print >(name ".mw") }
' docs/WRITEBACK.md
for command in *.command; do
    eval "$(cat "$command")" >printed 2>&1
    show diff "${command%.command}.shown" printed
done
for scenario in *.mw; do
    show mapwalk run --set disk-cache=yes -o /dev/null "$scenario"
done
