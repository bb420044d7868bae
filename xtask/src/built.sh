# What `cargo xtask daemons --built` runs in a root: nine daemons from one file of definitions, under each
# supervisor. Prints a line for each thing that was seen, and ends at the first that is not so.
# $1 is svctl, $2 the file; the rest are packages.
set -e
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
cp "$1" /usr/local/bin/svctl
cp "$2" /srv/svcmgr.toml
shift 2
quietly() {
    "$@" >/var/log/made 2>&1 || { tail -n 20 /var/log/made >&2; exit 1; }
}
quietly apt-get -o Acquire::Check-Valid-Until=false update
# runit is only unpacked in a root.
quietly apt-get -y --no-install-recommends -f install
quietly apt-get -y --no-install-recommends install "$@"
# Nothing of the machine is within reach: no network, no other process, no device that matters.
exec unshare --mount --net --ipc --uts --pid --fork --kill-child --mount-proc sh -ec '
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir /mnt/dev
mount -t tmpfs -o mode=0755 tmpfs /mnt/dev
for node in null zero full random urandom tty; do
    : >/mnt/dev/$node
    mount --bind /dev/$node /mnt/dev/$node
done
mkdir -m 1777 /mnt/dev/shm
ln -s /proc/self/fd /mnt/dev/fd
mount --rbind /mnt/dev /dev
ip link set lo up
mkdir -p /var/log/services
cat >>/etc/haproxy/haproxy.cfg <<END
frontend here
    bind 127.0.0.1:8404
    default_backend web
backend web
    server nginx 127.0.0.1:80
END
all="nginx redis postgresql mosquitto sshd memcached haproxy cron node-exporter"
suite=
fails() { echo "$suite: $*" >&2; exit 1; }
here() { svctl --dir "/srv/$suite" "$@"; }
pid() { here status --json "$1" | sed "s/.*\"pid\":\([0-9]*\).*/\1/"; }
# Each is asked in its own words.
answer() {
    curl -fsS -o /dev/null http://127.0.0.1/ || fails nginx does not answer
    [ "$(redis-cli ping)" = PONG ] || fails redis does not answer
    [ "$(setpriv --reuid postgres --regid postgres --clear-groups psql -h /run/postgresql -Atc "select 1" postgres)" = 1 ] || fails postgresql does not answer
    nc -z 127.0.0.1 1883 || fails mosquitto does not answer
    nc -w 5 127.0.0.1 22 </dev/null | grep -q SSH- || fails sshd does not answer
    printf "version\r\nquit\r\n" | nc -w 5 127.0.0.1 11211 | grep -q VERSION || fails memcached does not answer
    curl -fsS -o /dev/null http://127.0.0.1:8404/ || fails haproxy does not answer
    curl -fsS http://127.0.0.1:9100/metrics | grep node_ >/dev/null || fails node-exporter does not answer
    kill -0 "$(pid cron)" || fails cron is not there
}
ready() {
    case $suite in
    daemontools) here wait --for up-for=3s --timeout 180s $all >/dev/null ;;
    *)
        here wait --for ready --timeout 180s $(echo $all | sed "s/ cron//") >/dev/null
        here wait --for up --timeout 180s cron >/dev/null
        ;;
    esac || { here status >&2; here logs -n 5 $all >&2; fails not all came up; }
}
for suite in ${SUITES:-runit s6 daemontools embedded}; do
    svctl build /srv/svcmgr.toml --to "$suite" --out "/srv/$suite" --lossy -q 2>/srv/left
    echo "$suite: built; left out: $(sed -n "s/.*left out: \`\([a-z._]*\)\` of service \`\([a-z-]*\)\`.*/\2 \1/p" /srv/left | sort | tr "\n" "," )"
    case $suite in
    runit) runsvdir "/srv/$suite" </dev/null >/srv/said 2>&1 & ;;
    s6) s6-svscan "/srv/$suite" </dev/null >/srv/said 2>&1 & ;;
    daemontools) svscan "/srv/$suite" </dev/null >/srv/said 2>&1 & ;;
    embedded) svctl scan "/srv/$suite" </dev/null >/srv/said 2>&1 & ;;
    esac
    scanner=$!
    ready
    answer
    echo "$suite: up and ready"
    here restart --timeout 180s $all >/dev/null || fails restart
    ready
    answer
    echo "$suite: restarted"
    before=$(pid nginx)
    here reload nginx postgresql mosquitto sshd >/dev/null || fails reload
    case $suite in runit | embedded) here reload haproxy >/dev/null || fails reload ;; esac
    ready
    answer
    [ "$before" = "$(pid nginx)" ] || fails a reload is no restart
    echo "$suite: reloaded"
    case $suite in runit | embedded)
        echo broken >>/etc/nginx/nginx.conf
        here reload nginx >/dev/null 2>&1 || :
        answer
        sed -i "\$d" /etc/nginx/nginx.conf
        [ "$before" = "$(pid nginx)" ] || fails a broken configuration was taken
        echo "$suite: a broken configuration is refused"
        ;;
    esac
    for name in redis memcached cron node-exporter; do
        before=$(pid $name)
        kill -KILL "$before"
        tries=0
        while now=$(pid $name); [ "$now" = "$before" ] || ! [ "$now" -gt 0 ] 2>/dev/null; do
            tries=$((tries + 1))
            [ $tries -lt 600 ] || fails $name is not started again
            sleep 0.1
        done
    done
    ready
    answer
    echo "$suite: started again after SIGKILL"
    # mosquitto writes to a file of its own; memcached, haproxy and cron have nothing to say.
    for name in nginx redis postgresql sshd node-exporter; do
        [ -n "$(here logs -n 1 $name)" ] || fails no log of $name
    done
    echo "$suite: logs are found"
    here down --timeout 180s haproxy >/dev/null || fails haproxy does not stop
    here down --timeout 180s $(echo $all | sed "s/haproxy //") >/dev/null || fails not all stop
    for port in 80 6379 5432 1883 22 11211 8404 9100; do
        ! nc -z 127.0.0.1 $port || fails port $port is open still
    done
    echo "$suite: stopped"
    kill "$scanner"
    # Neither runsvdir nor svscan ends the supervisors that it has started.
    case $suite in
    runit) here exit --no-wait $all >/dev/null 2>&1 || : ;;
    daemontools)
        for name in $all; do
            svc -dx "/srv/$suite/$name" "/srv/$suite/$name/log"
        done
        ;;
    esac
    wait "$scanner" || :
done
'
