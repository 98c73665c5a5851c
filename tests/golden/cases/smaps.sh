# What areas are made of at the end: --smaps, in text and as JSON; and the directives in a scenario.
smaps_of() { mapwalk run --smaps "$@" | sed -n '/^smaps\|"smaps"/,$p'; }
show smaps_of data/pages.mw
show smaps_of --json data/one.mw
cat >look.mw <<'END'
p = mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)
store(p, 1, 1)
smaps(p)
pagemap(p)
END
show mapwalk run --results look.mw
