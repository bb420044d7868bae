# What `cargo xtask daemons` runs in a root: daemons are installed beside Debian's scripts for runit, and
# each script is run under runsv. Prints what svctl says of them: a wait, their status, lint; a line each.
# $1 is svctl; the rest are packages.
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
cp "$1" /usr/local/bin/svctl
shift
quietly() {
    "$@" >/var/log/made 2>&1 || { tail -n 20 /var/log/made >&2; exit 1; }
}
quietly apt-get -o Acquire::Check-Valid-Until=false update
# runit is only unpacked in a root.
quietly apt-get -y --no-install-recommends -f install
quietly apt-get -y --no-install-recommends install runit-services "$@"
# It was for the installation alone: the scripts obey it, too.
rm -f /usr/sbin/policy-rc.d
# Nothing of the machine is within reach: no network, no other process, no device that matters.
exec unshare --mount --net --ipc --uts --pid --fork --kill-child --mount-proc sh -ec '
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir /mnt/dev
mount -t tmpfs -o mode=0755 tmpfs /mnt/dev
for node in null zero full random urandom tty; do
    : >/mnt/dev/$node
    mount --bind /dev/$node /mnt/dev/$node
done
mkdir /mnt/dev/shm
ln -s /proc/self/fd /mnt/dev/fd
mount --rbind /mnt/dev /dev
mkdir /srv/scan
# Those of the daemons that are installed, and the others. svlogd is a logger for all of them, and no service.
for dir in /etc/sv/*/ /usr/share/runit/sv/*/; do
    name=$(basename "$dir")
    [ "$name" = svlogd ] || [ -e "/srv/scan/$name" ] || [ ! -x "$dir/run" ] ||
        cp -a "${dir%/}/." "/srv/scan/$name"
done
rm -rf /srv/scan/*/supervise /srv/scan/*/log/supervise /srv/scan/*/down
export SVDIR=/srv/scan
runsvdir /srv/scan </dev/null >/dev/null 2>&1 &
cd /srv/scan
svctl --dir /srv/scan --json wait --for up-for=15s --timeout 60 -- * 2>/dev/null || :
svctl --dir /srv/scan --json status 2>/dev/null || :
svctl lint --image / --json /srv/scan 2>/dev/null || :
'
