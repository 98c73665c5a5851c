# shellcheck shell=sh disable=SC2016,SC2154 # awk in quotes; $tidy comes from run
# No absolute paths of the machine that the project is being written on: neither the home folder nor the one around the
# tree. $1, optional: one more folder. Folders that are the same everywhere are no secret.
for folder in "${HOME-}" "$(dirname "$(pwd)")" "$@"; do
    case $folder in
    '' | / | /tmp | /usr/src | /src | /home | /build | /builds) ;;
    *) printf '%s/\n' "$folder" ;;
    esac
done >"${TMPDIR:-/tmp}/tidy-paths.$$"
texts | tr '\n' '\0' | xargs -0 grep -HnIF -f "${TMPDIR:-/tmp}/tidy-paths.$$" -- |
    sed 's/^\([^:]*:[0-9]*\):.*/\1: names an absolute path of one machine/' | verdict
status=$?
rm -f "${TMPDIR:-/tmp}/tidy-paths.$$"
exit $status
