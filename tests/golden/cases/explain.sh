# Every kind of fault told, and the same told to a file.
show mapwalk run --explain -o /dev/null data/pages.mw
mapwalk run --explain=told -o /dev/null data/pages.mw
show sh -c 'cut -d: -f1 told | sort -u | wc -l'
# Without hardware that sets A and D, and with the pages of a log that no call had mapped.
show mapwalk run --explain --set hardware-ad=no data/one.mw
show mapwalk run --explain -o /dev/null data/small.lackey
