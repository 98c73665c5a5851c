# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# Includes go down the table of layers in CONTRIBUTING.md only.
#
# A file below src/X, or a unit test below tests/unit/X, may include headers of X and of folders in lower rows.
# view is special: public headers and base. tools: public headers, view and base. <mapwalk/event.h>, config.h,
# stats.h, stale.h and tlb.h may be included everywhere, hw.h from board; other public headers from kernel on.
sources src tools tests bench include | xargs awk '
    FILENAME == "CONTRIBUTING.md" {
        if (split($0, cell, "|") >= 4 && cell[2] ~ /^ *[0-9]+ *$/) {
            folders = cell[3]
            while (match(folders, /`[a-z]+`/)) {
                row[substr(folders, RSTART + 1, RLENGTH - 2)] = cell[2] + 0
                folders = substr(folders, RSTART + RLENGTH)
                if (cell[2] + 0 == 9) break # the names after view are not layers of that row
            }
        }
        next
    }
    FNR == 1 {
        split(FILENAME, part, "/")
        place = part[1]
        own = place == "src" ? part[2] : place == "tests" && part[2] == "unit" ? part[3] : ""
        if (own != "" && !(own in row))
            printf "%s:1: folder %s is in no row of the table in CONTRIBUTING.md\n", FILENAME, own
    }
    function bad(reason) { printf "%s:%d: %s\n", FILENAME, FNR, reason }
    /^[ \t]*#[ \t]*include[ \t]*<mapwalk\// {
        header = $0
        sub(/.*<mapwalk\//, "", header); sub(/>.*/, "", header)
        if (header ~ /^(event|config|stats|stale|tlb)\.h$/ || (header == "hw.h" && own == "board")) next
        if (own != "" && own in row && row[own] < row["kernel"])
            bad("layer " own " must not know <mapwalk/" header ">")
        next
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        header = $0
        sub(/^[^"]*"/, "", header); sub(/".*/, "", header)
        if (place == "include") { bad("a public header includes a private one"); next }
        folder = header
        if (!sub(/\/.*/, "", folder) || !(folder in row)) {
            if (place == "src") bad("\"" header "\" does not begin with a layer")
            next
        }
        if (own == "view" && place == "src" && folder != "view" && folder != "base")
            bad("view must not include " folder)
        else if (own != "" && own in row && folder != own && row[folder] >= row[own])
            bad("layer " own " (row " row[own] ") must not include " folder " (row " row[folder] ")")
        else if (place == "tools" && folder != "view" && folder != "base")
            bad("tools must not include the internals of " folder)
    }
' CONTRIBUTING.md | verdict
