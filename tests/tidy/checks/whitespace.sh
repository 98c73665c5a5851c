# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# No trailing blanks, no carriage returns, a newline at the end. Recorded and expected outputs are left as they are.
cr=$(printf '\r')
{
    looked_at() { texts | grep -v -e '^tests/golden/' -e '^tests/data/'; }
    looked_at | tr '\n' '\0' | xargs -0 grep -HnE "[[:blank:]$cr]\$" -- |
        sed 's/^\([^:]*:[0-9]*\):.*/\1: trailing blank/'
    looked_at | while IFS= read -r file; do
        [ ! -s "$file" ] || [ -z "$(tail -c 1 -- "$file")" ] || echo "$file:$(wc -l <"$file"): no newline at the end"
    done
} | verdict
