# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# Shared by the checks. Sourced with ROOT, the tree to look at, as the current directory.

# Source files of ours below the given folders, sorted; missing folders are skipped.
sources() {
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -path 'tests/tidy/samples' -prune -o -type f -name '*.[ch]' -print
    done | LC_ALL=C sort
}

# Every text file that belongs to the project: what git tracks or would track, or without git all but build folders.
texts() {
    if [ "$(git rev-parse --show-cdup 2>/dev/null || echo no)" = "" ]; then
        git ls-files --cached --others --exclude-standard
    else
        find . -path ./.git -prune -o -path ./build -prune -o -type f -print | sed 's|^\./||'
    fi | grep -v '^tests/tidy/samples/' | tr '\n' '\0' | xargs -0 grep -slI '' -- | LC_ALL=C sort
}

# Reads problems, one "file:line: reason" a line; succeeds when there is none.
verdict() {
    problems=$(sort -t : -k 1,1 -k 2,2n)
    [ -n "$problems" ] || return 0
    printf '%s\n' "$problems"
    return 1
}
