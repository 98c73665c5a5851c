# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# docs/CONFORMANCE.md: every scenario that it names is there, and the line that it names is a call (`NAME.mw:12`); in a row
# that begins with an errno, the line expects this errno, unless it is a signal's or says why there is none. Every test
# that it names (`behaviour.writeback a_name`) is there, and every mutant in its last column.
page=docs/CONFORMANCE.md

# "PAGELINE ERRNO|- NAME" for each name in backquotes.
names=$(mktemp) || exit 2
trap 'rm -f "$names"' EXIT
awk -F '`' '{
    errno = "-"
    if (match($0, /^\| E[A-Z]+ \|/)) errno = substr($0, 3, RLENGTH - 4)
    for (i = 2; i <= NF; i += 2) if ($i ~ /^[a-z_0-9]+\.mw(:[0-9]+)?$|^(unit|behaviour|model|oracle)\.[a-z_.]+ [a-z_0-9]+$/) print FNR, errno, $i
}' "$page" >"$names"
{
    while read -r line errno name test; do
        case $name in
        *.mw*)
            file=tests/behaviour/${name%%:*}
            [ -f "$file" ] || file=tests/oracle/${name%%:*}
            if [ ! -f "$file" ]; then
                printf '%s:%s: there is no %s\n' "$page" "$line" "${name%%:*}"
            elif [ "$name" != "${name#*:}" ]; then
                call=$(sed -n "${name#*:}p" "$file")
                case $call in
                '' | '#'*) printf '%s:%s: %s is not a call\n' "$page" "$line" "$name" ;;
                *"$errno"* | *SIG*) ;;
                *) [ "$errno" = - ] || [ "$errno" = ETXTBSY ] || printf '%s:%s: %s does not tell %s\n' "$page" "$line" "$name" "$errno" ;;
                esac
            fi
            ;;
        *)
            folder=tests/$(echo "${name%.*}" | tr . /)
            grep -qw -- "$test" "$folder/test_${name##*.}.c" 2>/dev/null ||
                printf '%s:%s: there is no %s %s\n' "$page" "$line" "$name" "$test"
            ;;
        esac
    done <"$names"
    awk '/^## / { last = /vacuous/ } last && /^\| .* \| .* \| .* \| [a-z_, ]+ \|$/ { sub(/ \|$/, ""); sub(/.*\| /, ""); gsub(/,/, ""); print FNR, $0 }' "$page" |
        while read -r line mutants; do
            for mutant in $mutants; do
                [ "$mutant" = mutant ] || grep -qs "^@ $mutant |" tests/mutation/mutants ||
                    printf '%s:%s: there is no mutant %s\n' "$page" "$line" "$mutant"
            done
        done
} | verdict
