# Several harts with two levels of TLBs, a walk cache and a prefetcher: summary, shootdowns, explanations.
set -- --set harts=2 --tlb two-level --set tlb.l1d=1x1 --set tlb.walk-cache=1x8 --set tlb.prefetch=1
show mapwalk run --check "$@" data/harts.mw
mapwalk run --trace trace -o /dev/null "$@" data/harts.mw
show grep -E ' (satp|tlb_l2_hit|walk_skip|tlb_prefetch|tlb_flush|shootdown) ' trace
show mapwalk run --explain -o /dev/null "$@" data/harts.mw
# Without ASIDs, and with a log that migrates.
show sh -c '"$MAPWALK" run --check --set asid-bits=0 --set harts=2 data/harts.mw | grep -E "machine|fences|shootdowns"'
mapwalk run --check --quantum 5 --set harts=4 --set migrate=1 --trace trace -o /dev/null data/small.lackey
show sh -c 'grep -o "hart=. satp" trace | sort | uniq -c'
