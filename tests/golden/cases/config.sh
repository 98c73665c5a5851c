# What can be set, and that each value that is listed can be set again and changes nothing.
show mapwalk config
mapwalk run --json data/one.mw >plain
mapwalk config | while read -r key value rest; do
    mapwalk run --json --set "$key=$value" data/one.mw >again
    cmp plain again || echo "--set $key=$value changes the run"
done
# The needs of a format stand between the profile and the user's settings.
for file in data/small.strace data/small.lackey data/one.mw; do
    show sh -c '"$MAPWALK" run --json "$1" | grep mode' sh $file
done
show sh -c '"$MAPWALK" run --json --mode sv57 --profile linux data/small.strace | grep mode'
