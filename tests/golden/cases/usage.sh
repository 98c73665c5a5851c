# Everything that exit status 2 stands for.
show mapwalk
show mapwalk walk
show mapwalk help nothing
show mapwalk run
show mapwalk run --nothing data/one.mw
show mapwalk run --events
show mapwalk run --set ram data/one.mw
show mapwalk run --set nothing=1 data/one.mw
show mapwalk run --ram much data/one.mw
show mapwalk run --ram 0 data/one.mw
show mapwalk run --tlb 0x4 data/one.mw
show mapwalk run --tlb rockets data/one.mw
show mapwalk run --set tlb=custom data/one.mw
show mapwalk run --set tlb.l2i=64x4 data/one.mw
show mapwalk run --set tlb.walk-cache=4K:1x8 data/one.mw
show mapwalk run --mode bare data/one.mw
show mapwalk run --profile nothing data/one.mw
show mapwalk run --quantum 0 data/one.mw
show mapwalk run --quantum -1 data/one.mw
show mapwalk run --event-hits data/one.mw
show mapwalk run --explain --json data/one.mw
show mapwalk run --events - data/one.mw
show mapwalk run --events - --trace - -o /dev/null data/one.mw
show mapwalk run - -
show mapwalk run data/one.mw data/small.lackey
show mapwalk run data/small.strace data/one.mw
show mapwalk run data/one.mw data/one.mw
show mapwalk config more
show mapwalk config --more
show mapwalk record
show mapwalk record --more echo
show mapwalk run --on windows data/one.mw
show mapwalk run --on linux --json data/one.mw
show mapwalk run --on both data/small.strace
show mapwalk run --results --json data/one.mw
show mapwalk fuzz file
show mapwalk fuzz --ops 0
show mapwalk fuzz --calls mmap,bogus
show mapwalk fuzz --processes 9
show mapwalk fuzz --seed x
