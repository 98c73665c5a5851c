# A kernel that leaves out the fence of mprotect: exit status 6, but only for who asks.
cat >protect.mw <<'END'
p = mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)
store(p, 1, 7)
mprotect(p, 4096, PROT_READ)
store(p, 1, 8) = ?
END
run_protect() { mapwalk run --set check=off "$@" protect.mw >summary; }
show run_protect --set detect-stale=on
show run_protect
# Of a finding and an expectation that failed, the finding is the status.
echo 'load(p, 1) = 7' >>protect.mw
show run_protect --set detect-stale=on
