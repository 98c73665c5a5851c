# The help texts.
show mapwalk help
show mapwalk --help
show mapwalk help run
show mapwalk run -h
show mapwalk help fuzz
show mapwalk fuzz -h
show mapwalk help image
show mapwalk image -h
show mapwalk help record
show mapwalk record --help
show mapwalk help config
show mapwalk config -h
show mapwalk help tlb
