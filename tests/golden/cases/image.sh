# Images: made, filled, looked at, emptied, refused.
mkdir -p tree/sub/deep tree/empty
echo hello >tree/hello
printf 'x' >'tree/new
line'
ln tree/hello tree/sub/hard
ln -s hello tree/link
ln -s loop tree/loop
mkfifo tree/fifo
truncate -s 1T tree/sparse
printf 'end' | dd of=tree/sparse bs=1 seek=1099511627773 conv=notrunc 2>/dev/null
chmod 751 tree/sub
chmod 755 tree/sub/deep tree/empty
chmod 644 tree/hello tree/sparse tree/new*

show mapwalk image create --size 2M disk.img
show mapwalk image import disk.img tree /data
show mapwalk image ls disk.img /data
show mapwalk image ls disk.img /data/link
show mapwalk image cat disk.img /data/hello
show mapwalk image check disk.img
show mapwalk image export disk.img /data out
same() { (cd "$1" && find . ! -type p -printf '%y %n %l %p\n' | sort) >"$1.list"; }
same tree
same out
show diff tree.list out.list
show cmp tree/hello out/hello
tail -c 3 out/sparse >end
show cat end

# The same tree makes the same image.
cp disk.img first.img
rm disk.img
mapwalk image create --size 2M disk.img
mapwalk image import disk.img tree /data >/dev/null 2>&1 || :
show cmp first.img disk.img

# Single files; what is there is replaced; an image does not go into itself.
echo again >again
show mapwalk image import disk.img again /data/hello
show mapwalk image cat disk.img /data/hello
show mapwalk image cat disk.img /data/sub/hard
show mapwalk image export disk.img /data/hello back
show cat back
mkdir self
mv disk.img self
show mapwalk image import self/disk.img self /self
mv self/disk.img .

# A full disk: what does not fit is told, the rest is there.
mkdir big
head -c 9000000 /dev/zero | tr '\0' z >big/b-too-large
echo small >big/a-small
echo small >big/c-small
show mapwalk image import disk.img big /big
show mapwalk image ls disk.img /big
show mapwalk image check disk.img

# Refused, with a reason.
show mapwalk image create --size 2M disk.img
show mapwalk image create --size 3000 other.img
show mapwalk image create other.img
show mapwalk image create --size 2M --journal=maybe other.img
show mapwalk image ls missing.img
show mapwalk image ls tree
head -c 65536 /dev/zero >zeros
show mapwalk image check zeros
head -c 1048576 disk.img >short.img
show mapwalk image check short.img
show mapwalk image ls disk.img /none
show mapwalk image ls disk.img data
show mapwalk image cat disk.img /data
show mapwalk image cat disk.img /data/link
show mapwalk image cat disk.img /data/link/x
show mapwalk image import disk.img missing /x
show mapwalk image import disk.img tree relative
show mapwalk image export disk.img /none out
show mapwalk image export disk.img /data missing/deeper
show mapwalk image frobnicate disk.img
show mapwalk image ls
show mapwalk image
full() { mapwalk "$@" >/dev/full; }
show full image ls disk.img
show full image cat disk.img /data/hello
