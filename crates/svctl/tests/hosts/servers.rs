//! Servers of OpenSSH on loopback addresses, with keys of their own; gone with the value.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{scripts, skips, svctl};

/// Its package would open a door on the machine, so one that is only unpacked will do.
fn sshd() -> PathBuf {
    std::env::var_os("SV_SSHD").map_or_else(|| "/usr/sbin/sshd".into(), PathBuf::from)
}

pub const PATIENCE: Duration = Duration::from_secs(60);

/// Hosts `h1`, `h2` …, each with a service `web`, all under one embedded supervisor.
pub struct Servers {
    pub tree: TempDir,
    children: Vec<Child>,
}

impl Servers {
    /// `None` where the test is left out.
    pub fn start(hosts: usize) -> Option<Self> {
        if !skips::is_root("servers of OpenSSH") {
            return None;
        }
        if !sshd().exists() {
            skips::leave_out(
                "servers of OpenSSH",
                "SV_SSHD names no sshd, and there is no /usr/sbin/sshd",
            );
            return None;
        }
        let tree = tempfile::Builder::new().prefix("svhosts-").tempdir().unwrap();
        let mut servers = Self { tree, children: Vec::new() };
        let path = |name: &str| servers.tree.path().join(name);
        for dir in ["path", "bin", "all"] {
            fs::create_dir(path(dir)).unwrap();
        }
        std::os::unix::fs::symlink(svctl::program(), path("bin/svctl")).unwrap();
        for key in ["host", "key"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path(key));
            assert!(keygen.status().unwrap().success());
        }
        let port = free_port();
        let mut config = format!(
            "Host *\n User root\n Port {port}\n IdentitiesOnly yes\n IdentityFile {key}\n \
             StrictHostKeyChecking no\n UserKnownHostsFile {known}\n LogLevel ERROR\n",
            key = path("key").display(),
            known = path("known").display(),
        );
        for at in 1..=hosts {
            let (host, dir) = (format!("h{at}"), path(&format!("all/h{at}")));
            fs::create_dir(&dir).unwrap();
            scripts::write(&dir.join("run"), "#!/bin/sh\nexec sleep 1000000\n");
            fs::create_dir(path(&host)).unwrap();
            std::os::unix::fs::symlink(&dir, path(&host).join("web")).unwrap();
            config = format!("Host {host}\n HostName 127.0.1.{at}\n{config}");
        }
        // The connection of `r1` goes through a process that can be ended; that of `r2` never answers.
        let (relay, log) = (path("relay"), path("relays"));
        scripts::write(
            &relay,
            &format!("#!/bin/sh\necho $$ >>{}\nexec nc \"$1\" {port}\n", log.display()),
        );
        config = format!(
            "Host r1\n HostName 127.0.1.1\n ProxyCommand {} 127.0.1.1\nHost r2\n ProxyCommand sleep 1000000\n{config}",
            relay.display()
        );
        fs::write(path("config"), config).unwrap();
        scripts::write(
            &path("path/ssh"),
            &format!("#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n", path("config").display()),
        );
        let mut scan = Command::new(svctl::program());
        scan.arg("scan").arg(path("all")).stdin(Stdio::null()).stderr(Stdio::null());
        let mut children = vec![scan.spawn().unwrap()];
        // The account that servers give their rights up for; written before any of them reads it.
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let has_account = accounts.lines().any(|line| line.starts_with("sshd:"));
        let own =
            if has_account { "" } else { "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n" };
        fs::write(path("passwd"), accounts + own).unwrap();
        for at in 1..=hosts {
            children.push(serve(servers.tree.path(), at, port));
        }
        servers.children = children;
        let all: Vec<_> = (1..=hosts).map(|at| format!("h{at}")).collect();
        let deadline = Instant::now() + 2 * PATIENCE;
        loop {
            let ran = servers.run(&["-H", &all.join(","), "wait", "web", "--host-timeout", "60s"]);
            if ran.code == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "{ran:?}\n{}", servers.messages());
        }
        Some(servers)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = svctl::command(words);
        let path = format!("{}:/usr/bin:/bin", self.tree.path().join("path").display());
        command.env("PATH", path).env("SVCTL_HOSTS", "/dev/null");
        command
    }

    pub fn run(&self, words: &[&str]) -> svctl::Run {
        svctl::Run::of(self.command(words).output().unwrap())
    }

    #[track_caller]
    pub fn wait_until(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "not in time: {what}");
            std::thread::yield_now();
        }
    }

    /// What the servers have said.
    fn messages(&self) -> String {
        let entries = fs::read_dir(self.tree.path()).unwrap().flatten().map(|entry| entry.path());
        let logs = entries.filter(|path| path.extension().is_some_and(|it| it == "log"));
        let logs =
            logs.map(|log| format!("{}: {}", log.display(), fs::read_to_string(&log).unwrap()));
        logs.collect::<Vec<_>>().concat()
    }

    /// Programs that run on this host, by the environment that its server gives them.
    pub fn running_on(&self, host: &str) -> Vec<Pid> {
        let mark = format!("SVDIR={}", self.tree.path().join(host).display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let has = |wanted: &[u8]| words.split(|byte| *byte == 0).any(|word| word == wanted);
            // It is asked for its version first.
            let is_svctl = has(b"--__tethered") && !has(b"version");
            if is_svctl && environment.split(|byte| *byte == 0).any(|it| it == mark.as_bytes()) {
                found.push(Pid::from_raw(pid));
            }
        }
        found
    }

    /// The processes that connections go through.
    pub fn relays(&self) -> Vec<Pid> {
        let text = fs::read_to_string(self.tree.path().join("relays")).unwrap_or_default();
        text.lines().map(|line| Pid::from_raw(line.parse().unwrap())).collect()
    }
}

/// One server. Its directory of state would be the machine's, so it has a `/run` of its own.
fn serve(tree: &Path, at: usize, port: u16) -> Child {
    let path = |name: &str| -> PathBuf { tree.join(name) };
    let config = path(&format!("sshd{at}"));
    let text = format!(
        "ListenAddress 127.0.1.{at}\nPort {port}\nHostKey {host}\nAuthorizedKeysFile {key}.pub\n\
         StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nMaxStartups 200\n\
         SetEnv SVDIR={dir} PATH={bin}:/usr/bin:/bin\n",
        host = path("host").display(),
        key = path("key").display(),
        dir = path(&format!("h{at}")).display(),
        bin = path("bin").display(),
    );
    fs::write(&config, text).unwrap();
    let script = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && mount --bind \"$1\" /etc/passwd && \
                  exec \"$0\" -D -e -f \"$2\"";
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "sh", "-c", script]).arg(sshd()).arg(path("passwd")).arg(config);
    let messages = fs::File::create(path(&format!("sshd{at}.log"))).unwrap();
    unshare.stdin(Stdio::null()).stdout(Stdio::null()).stderr(messages).spawn().unwrap()
}

/// Free a moment ago on the loopback.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.1.1:0").unwrap().local_addr().unwrap().port()
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in &mut self.children {
            let pid = Pid::from_raw(child.id().try_into().unwrap());
            let _gone = kill(pid, Signal::SIGTERM);
        }
        for child in &mut self.children {
            let _reaped = child.wait();
        }
    }
}
