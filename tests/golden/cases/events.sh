# Events as JSON Lines and as text; hits only when they are asked for.
show mapwalk run --events - -o /dev/null data/pages.mw
show mapwalk run --trace - -o /dev/null data/one.mw
show mapwalk run --trace - --event-hits -o /dev/null data/small.lackey
mapwalk run --events first --trace second -o /dev/null data/pages.mw
mapwalk run --events again -o /dev/null data/pages.mw
show cmp first again
show sh -c 'wc -l <first; wc -l <second; grep -c tlb_hit first'
