# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# docs/INVARIANTS.md lists every invariant that a file states (" *   I-LAYER-1  ...") and no other; and the functions and
# tests that it names as proofs exist.
page=docs/INVARIANTS.md
all=$(mktemp) || exit 2
trap 'rm -f "$all"' EXIT
sources src tests | xargs cat >"$all"
{
    sources src | xargs awk '
        /^ \*   I-[A-Z]+-[0-9]+  / { stated[$2] = FILENAME ":" FNR }
        /^\| I-[A-Z]+-[0-9]+ \|/ { listed[$2] = FILENAME ":" FNR }
        END {
            for (number in stated)
                if (!(number in listed)) print stated[number] ": " number " is not in the page of invariants"
            for (number in listed)
                if (!(number in stated)) print listed[number] ": no file states " number
        }
    ' "$page"
    grep -no '`[a-z_]*_[a-z_0-9]*`' "$page" | tr -d '`' | while IFS=: read -r line name; do
        grep -qw -- "$name" "$all" || printf '%s:%s: there is no %s\n' "$page" "$line" "$name"
    done
} | verdict
