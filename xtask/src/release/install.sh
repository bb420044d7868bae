# In a clean root of Debian, as root: installs the package that $1 names, uses it, upgrades it, removes it.
# Whatever goes wrong ends it (sh -e).

files() { find / -xdev \( -path /var/lib/dpkg -o -path /var/log -o -path /var/cache -o -path /tmp \) -prune -o -print | sort; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
files > "$work/before"

# Everything in the package is installed, also what images of containers leave out.
install() { dpkg --path-include='/usr/share/*' -i "$1" > "$work/out" 2>&1 || { cat "$work/out"; exit 1; }; }
install "$1"

svctl version
svctl help > /dev/null
for file in man/man1/svctl.1.gz man/man5/svcmgr.toml.5.gz zsh/vendor-completions/_svctl fish/vendor_completions.d/svctl.fish \
    doc/svctl/copyright doc/svctl/LICENSES-OF-DEPENDENCIES.gz doc/svctl/examples/hello/svcmgr.toml; do
    test -s "/usr/share/$file" || { echo "no /usr/share/$file"; exit 1; }
done
bash -c '. /usr/share/bash-completion/completions/svctl && complete -p svctl' > /dev/null

echo '= svctl dev runs definitions'
cat > "$work/svcmgr.toml" <<'TOML'
[service.job]
kind = "job"
exec = ["/bin/true"]
TOML
svctl dev -f "$work/svcmgr.toml" --exit-with job > /dev/null

echo '= svctl drives the embedded supervisor and runit'
mkdir -p "$work/scan/web"
printf '#!/bin/sh\nexec sleep 1000\n' > "$work/scan/web/run"
chmod +x "$work/scan/web/run"
for supervisor in 'svctl scan' runsvdir; do
    $supervisor "$work/scan" > /dev/null 2>&1 &
    pid=$!
    svctl --dir "$work/scan" wait --for up web > /dev/null
    svctl --dir "$work/scan" restart web > /dev/null
    svctl --dir "$work/scan" check
    svctl --dir "$work/scan" exit web > /dev/null
    kill -TERM "$pid"
    wait "$pid" || :
    rm -rf "$work/scan/web/supervise"
done

echo '= upgrade, and removal that leaves nothing'
dpkg-deb -R "$1" "$work/next"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/next" "$work/next.deb" > /dev/null
install "$work/next.deb"
svctl version > /dev/null
dpkg --purge svctl > /dev/null
files > "$work/after"
if ! diff "$work/before" "$work/after"; then
    echo 'the package left this behind'
    exit 1
fi
