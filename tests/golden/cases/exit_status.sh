# Every other exit status, and each way to come by it.
quiet() { mapwalk "$@" >/dev/null; }

# 0 and 1
show quiet run data/one.mw
show quiet run data/fails.mw
show quiet run data/small.strace
show quiet run data/small.lackey

# A log that differs is 1 only when it is asked for.
sed 's/^700 munmap.*/700 munmap(0x7ffff7fc0001, 8192) = 0/' data/small.strace >differs.strace
show quiet run differs.strace
show quiet run --strict differs.strace
show quiet run --strict data/small.strace

# 3: the input
: >empty
printf 'MZ\220\000\003\000\000\000\004\000\377\377' >binary
head -c 4096 /dev/zero >zeros
head -c 333 data/small.lackey >cut.lackey
show quiet run empty
show quiet run binary
show quiet run zeros
show quiet run data/bad.mw
show quiet run cut.lackey
cat empty | show quiet run -
cat binary | show quiet run -

# 4: resources
show quiet run --ram 1M --set overcommit=1 data/memory.mw
show quiet run --ram 4K data/one.mw

# A scenario that expects to run out of memory has met its expectation.
show quiet run --ram 1M --set overcommit=1 data/memory_expected.mw

# 5: files
show quiet run missing
show quiet run data/small.lackey missing
show quiet run data
show quiet run -o missing/file data/one.mw
show quiet run --events missing/file data/one.mw
show quiet run --explain=missing/file data/one.mw
show quiet run --trace data data/one.mw
show quiet run -o /dev/full data/one.mw
show quiet run --json -o /dev/full data/one.mw
show quiet run --events /dev/full data/one.mw
show quiet run --trace /dev/full data/pages.mw
show quiet run --explain=/dev/full data/pages.mw
full() { mapwalk "$@" >/dev/full; }
show full run data/one.mw
show full run --explain data/pages.mw
show full help
show full help run
show full run --help
show full record --help
show full config
show full config --help
show full --version
closed() { mapwalk "$@" >&-; }
show closed run data/one.mw

# An output that cannot be opened leaves the others as they were: nothing has been run.
echo before >kept
show quiet run -o kept missing
show cat kept
