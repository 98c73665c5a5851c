# The version is three numbers.
version() { mapwalk "$1" | sed 's/[0-9][0-9]*\.[0-9][0-9]*\.[0-9][0-9]*/N.N.N/'; }
show version --version
show version -V
