# The summary in text, for each format.
show mapwalk run data/pages.mw
show mapwalk run --maps data/pages.mw
show mapwalk run --maps data/small.lackey
show mapwalk run --maps data/small.strace
show mapwalk run --tlb 1x1 --ram 64M --seed 9 --mode sv48 data/one.mw
show mapwalk run data/fails.mw
