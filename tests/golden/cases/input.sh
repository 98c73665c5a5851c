# Where the input comes from makes no difference.
mapwalk run --json data/small.lackey >file
mapwalk run --json - <data/small.lackey >redirected
cat data/small.lackey | mapwalk run --json - >piped
mkfifo pipe
cat data/small.lackey >pipe &
mapwalk run --json pipe >named
wait
show cmp file redirected
show cmp file piped
show cmp file named
# A pipe beside a file: the file tells the format.
sed 's/4242/4343/' data/small.lackey | show mapwalk run data/small.lackey -
# Messages name what the user named.
cat data/bad.mw >pipe &
show mapwalk run -o /dev/null pipe
wait
cat data/bad.mw | show mapwalk run -o /dev/null -
show mapwalk run -o /dev/null data/bad.mw
# More than the head that is looked at for the format.
{
    cat data/one.mw
    yes '# a comment that makes the file longer than a pipe and the head together' | head -n 4000
    cat data/one.mw
} >long
mapwalk run --json long >file
cat long | mapwalk run --json - >piped
show cmp file piped
