# The manual page and the help texts name the same options, and the page has no mistakes that man would notice.
options() { grep -o -- '--[a-z][a-z-]*' | sort -u; }
for topic in run fuzz record image; do
    mapwalk help $topic | options
done | sort -u >help
{
    sed -n 's/^\.It Fl o Ar file , Fl -\([a-z-]*\).*/--\1/p; s/^\.It Fl h , Fl -\([a-z-]*\).*/--\1/p' docs/mapwalk.1
    grep '^\.It Fl -' docs/mapwalk.1 | grep -o 'Fl -[a-z][a-z-]*' | sed 's/^Fl /-/'
} | sort -u >manual
show diff help manual
if command -v man >/dev/null; then
    show sh -c 'man --warnings -E UTF-8 -l -Tutf8 -Z docs/mapwalk.1 2>&1 >/dev/null'
else
    show true
fi >warnings
grep -v '^\$' warnings
