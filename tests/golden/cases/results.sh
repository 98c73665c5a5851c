# A scenario with its results, which can be run again and give themselves.
show mapwalk run --results data/pages.mw
mapwalk run --results data/pages.mw | sed '/^#/d' >again.mw
mapwalk run --results again.mw | sed '/^#/d' | cmp - again.mw && echo the same
show mapwalk run --results data/fails.mw
# Areas told when they change, a hash of pages, and a window.
cat >look.mw <<'SCENARIO'
w = window(256K)
p = mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)
maps() = 1
hash(p, 8192)
store(p+4096, 8, 1)
hash(p, 4096)
mprotect(p, 4096, PROT_NONE)
maps() = 2
maps() = 2
hash(p, 8192)
munmap(p, 8192)
maps() = 0
SCENARIO
show mapwalk run --results look.mw
# Windows and hashes that are none.
cat >wrong.mw <<'SCENARIO'
window(4096)
window(256K+1)
window(32G)
getpid() = 1
window(256K)
hash(0, 0)
hash(0, 4096)
SCENARIO
show mapwalk run --results wrong.mw
