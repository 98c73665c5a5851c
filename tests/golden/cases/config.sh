# What can be set, and that each value that is listed can be set again and changes nothing.
show mapwalk config
mapwalk run --json data/one.mw >plain
mapwalk config | while read -r key value rest; do
    mapwalk run --json --set "$key=$value" data/one.mw >again
    cmp plain again || echo "--set $key=$value changes the run"
done
# TLBs by preset, by geometry and by part: each of these is another machine, and a preset is the sum of its parts.
for tlb in two-level 16x2 1x8/plru; do
    mapwalk run --json --tlb $tlb data/one.mw >again
    cmp -s plain again && echo "--tlb $tlb changes nothing"
done
mapwalk run --json --tlb two-level data/one.mw >preset
mapwalk run --json --tlb 64x4 --set tlb.l1i=64x4 --set tlb.l2=1024x4 data/one.mw >parts
show cmp preset parts
# The needs of a format stand between the profile and the user's settings.
for file in data/small.strace data/small.lackey data/one.mw; do
    show sh -c '"$MAPWALK" run --json "$1" | grep mode' sh $file
done
show sh -c '"$MAPWALK" run --json --mode sv57 --profile linux data/small.strace | grep mode'
