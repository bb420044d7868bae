#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the collection against real supervisors; `cargo xtask ansible` starts it.

Usage: run.py ANSIBLE-PLAYBOOK SVCTL SUITE...

Each suite is run on this host, and over ssh where SV_SSHD names a server of OpenSSH (as root). Ends with 1 if one of them failed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0

SCRIPTS = {
    # What is ignored stays ignored by what is executed, so a reload does not end it.
    "web": "#!/bin/sh\ntrap '' HUP\nexec sleep 1000000\n",
    "stubborn": "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n",
    "slow": "#!/bin/sh\n{ echo; } 2>/dev/null >&3\nexec sleep 1000000\n",
    "broken": "#!/bin/sh\nexec /nonexistent\n",
}

UNITS = {
    "web": "ExecStart=/bin/sleep 1000000\nExecReload=/bin/true\n",
    "stubborn": "ExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 1; done'\nTimeoutStopSec=600\n",
    "slow": "Type=notify\nNotifyAccess=all\nExecStart=/bin/sh -c 'systemd-notify --ready; exec sleep 1000000'\n",
}


def executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def service_directories(suite: str, sv: Path) -> None:
    """The services that are enabled, under a suite that has directories."""
    for name, text in SCRIPTS.items():
        (sv / name).mkdir(parents=True)
        executable(sv / name / "run", text)
    if suite in ("s6", "embedded"):
        (sv / "slow/notification-fd").write_text("3\n")
    if suite == "runit":
        executable(sv / "slow/check", "#!/bin/sh\nexit 0\n")


def units() -> None:
    """The units, in the machine of namespaces alone."""
    if os.environ.get("SYSTEMD_HOST") != "1":
        sys.exit("units are tried in the machine of `cargo xtask systemd` alone")
    for name, text in UNITS.items():
        unit = f"[Service]\n{text}[Install]\nWantedBy=multi-user.target\n"
        Path(f"/etc/systemd/system/{name}.service").write_text(unit)
    # The machine lets everybody write there, and `svctl apply` refuses such a directory.
    Path("/etc/systemd/system").chmod(0o755)
    subprocess.run(["systemctl", "daemon-reload"], check=True)


def scanner(suite: str, svctl: str, scan: Path) -> list[str] | None:
    """What starts a supervisor for each entry of `scan`; none where it is not installed."""
    encore = os.environ.get("SV_ENCORE_BIN", "")
    words = {
        "runit": ["runsvdir", str(scan)],
        "s6": ["s6-svscan", str(scan)],
        "daemontools": ["svscan", str(scan)],
        "encore": [f"{encore}/svscan", str(scan)],
        "embedded": [svctl, "scan", str(scan)],
    }[suite]
    return words if shutil.which(words[0]) else None


def end(child: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    child.send_signal(number)
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def play(tree: Path, playbook: str, suite: str, variables: dict[str, object], inventory: str) -> bool:
    """Whether every task went as it should."""
    (tree / "vars.json").write_text(json.dumps(variables))
    (tree / "hosts").write_text(inventory)
    (tree / "ansible.cfg").write_text("")
    env = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(tree),
        "ANSIBLE_LOCAL_TEMP": str(tree / "local"),
        "ANSIBLE_REMOTE_TEMP": str(tree / "remote"),
        "ANSIBLE_HOME": str(tree / "home"),
        "ANSIBLE_CONFIG": str(tree / "ansible.cfg"),
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_PIPELINING": "False",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_DISPLAY_OK_HOSTS": "False",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "False",
        "LC_ALL": "C.UTF-8",
    }
    words = [sys.argv[1], "-i", str(tree / "hosts"), "-e", f"@{tree / 'vars.json'}", str(HERE / playbook)]
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout, done.stderr, sep="\n")
    return done.returncode == 0


def free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class Sshd:
    """A server of OpenSSH on the loopback, with keys of its own."""

    def __init__(self, program: str, tree: Path) -> None:
        for name in ("host", "key"):
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tree / name)]
            subprocess.run(words, check=True)
        (tree / "authorized").write_text((tree / "key.pub").read_text())
        port = free_port()
        config = (
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tree}/host\nAuthorizedKeysFile {tree}/authorized\n"
            f"PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\n"
        )
        (tree / "sshd.conf").write_text(config)
        # Its account need not exist here: it is put into a mount namespace of its own.
        accounts = Path("/etc/passwd").read_text()
        if "\nsshd:" not in accounts:
            accounts += "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n"
        (tree / "passwd").write_text(accounts)
        # The machine of `cargo xtask systemd` has a `/run` of its own already, with systemd's sockets in it.
        own_run = "" if os.environ.get("SYSTEMD_HOST") == "1" else "mount -t tmpfs tmpfs /run && "
        script = (
            f'mount --bind "$1/passwd" /etc/passwd && {own_run}mkdir -p -m 755 /run/sshd && '
            'exec "$2" -D -e -f "$1/sshd.conf"'
        )
        words = ["unshare", "--mount", "sh", "-c", script, "sh", str(tree), program]
        with open(tree / "sshd.log", "wb") as log:
            self.child = subprocess.Popen(words, stderr=log)
        self.inventory = (
            f"there ansible_host=127.0.0.1 ansible_port={port} ansible_user=root ansible_ssh_private_key_file={tree}/key "
            "ansible_ssh_common_args='-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
            "-o ControlMaster=no -o IdentitiesOnly=yes'\n"
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as it:
                if it.connect_ex(("127.0.0.1", port)) == 0:
                    return
            if time.monotonic() > deadline or self.child.poll() is not None:
                sys.exit((tree / "sshd.log").read_text())
            time.sleep(0.05)


def tried(suite: str, tree: Path, svctl: str) -> bool:
    """One suite, on this host and over ssh."""
    collection = tree / "ansible_collections/svcmgr"
    collection.mkdir(parents=True)
    (collection / "svctl").symlink_to(HERE.parent)
    # Another user runs it, too.
    tree.chmod(0o755)
    program = tree / "svctl"
    shutil.copy(svctl, program)
    scan, sv = tree / "scan", tree / "sv"
    scan.mkdir()
    unit = suite == "systemd"
    child = None
    if unit:
        units()
    else:
        service_directories(suite, sv)
        words = scanner(suite, str(program), scan)
        if words is None:
            print(f"{suite}: left out, it is not installed")
            return True
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    variables: dict[str, object] = {
        "suite": suite,
        "scan": str(scan),
        "sv": str(sv),
        "out": "/etc/systemd/system" if unit else str(tree / "made"),
        "svctl": str(program),
        "unit": unit,
        "can_be_ready": suite not in ("daemontools", "encore"),
    }
    good = True
    try:
        connections = {"on this host": "here ansible_connection=local\n"}
        sshd = None
        if "SV_SSHD" in os.environ:
            sshd = Sshd(os.environ["SV_SSHD"], tree)
            connections["over ssh"] = sshd.inventory
        try:
            for title, inventory in connections.items():
                done = play(tree, "service.yml", suite, variables, inventory)
                print(f"{suite}, {title}: {'ok' if done else 'FAILED'}", flush=True)
                good = good and done
        finally:
            if sshd is not None:
                end(sshd.child)
    finally:
        if child is not None:
            # What a failed run has left.
            left = [str(entry) for entry in scan.iterdir() if not entry.name.startswith(".")]
            if left:
                names = [Path(path).name for path in left]
                subprocess.run([program, "disable", "-q", "--dir", scan, "--kill-after", "1s", "--", *names], check=False)
            end(child, signal.SIGHUP if suite == "runit" else signal.SIGTERM)
    return good


def main() -> None:
    svctl, suites = sys.argv[2], sys.argv[3:]
    good = True
    for suite in suites:
        with tempfile.TemporaryDirectory(prefix="svansible-") as tree:
            good = tried(suite, Path(tree), svctl) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
