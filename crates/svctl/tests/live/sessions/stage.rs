//! Where a session is played: services in a directory of their own, which the pages call
//! `/etc/service`, and `/srv` beside it.
//!
//! | stage         | has                                                                           |
//! |---------------|-------------------------------------------------------------------------------|
//! | `services`    | `web`, `db`, `queue`, all up; `db` says that it is ready, where that is known |
//! | `logged`      | `web` with svlogd, which has written three lines                              |
//! | `crashing`    | `web`, and `broken`, which exits with 3 whenever it is started                |
//! | `units`       | `db`, and a unit `web.service` that is down, in the machine of a systemd       |
//! | `definitions` | `/srv/svcmgr.toml`, `/srv/blog` (a service directory), a scanner, no service  |
//!
//! In all of them `/srv/svcmgr.toml` and `/srv/blog` are there.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    str::FromStr,
    time::{Duration, Instant},
};

use svcmgr::{Goal, Request, ScanDir, Service};
use tempfile::TempDir;

use crate::{
    supervised::{PATIENCE, Suite, strays},
    svctl::PROGRAM,
};

/// Whose supervisors a session is played to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Under {
    One(Suite),
    /// `web` is runit's, `db` s6's, `queue` daemontools'.
    Each,
    /// Directories are the embedded supervisor's, units systemd's.
    Systemd,
}

impl FromStr for Under {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "embedded" => Self::One(Suite::Embedded),
            "runit" => Self::One(Suite::Runit),
            "daemontools" => Self::One(Suite::Daemontools),
            "s6" => Self::One(Suite::S6),
            "each" => Self::Each,
            "systemd" => Self::Systemd,
            other => return Err(format!("{other} is nobody")),
        })
    }
}

impl Under {
    fn of(self, service: &str) -> Suite {
        match (self, service) {
            (Self::One(suite), _) => suite,
            (Self::Systemd, _) => Suite::Embedded,
            (Self::Each, "db") => Suite::S6,
            (Self::Each, "queue") => Suite::Daemontools,
            (Self::Each, _) => Suite::Runit,
        }
    }
}

pub(super) struct Stage {
    tree: TempDir,
    supervisors: Vec<Child>,
    unit: Option<&'static Path>,
}

const STAY: &str = "exec sleep 1000";
const SCAN: &str = "/etc/service";
const REST: &str = "/srv";

const DEFINITIONS: &str = "[service.web]
exec = [\"sh\", \"-c\", \"echo serving; exec sleep 1000\"]
env = { GREETING = \"it's 5 o'clock\" }

[service.worker]
exec = [\"sh\", \"-c\", \"echo working; exec sleep 1000\"]
after = [\"web\"]
";

impl Stage {
    pub(super) fn new(name: &str, under: Under) -> Self {
        let tree = tempfile::Builder::new().prefix("svlive-").tempdir().unwrap();
        let mut this = Self { tree, supervisors: Vec::new(), unit: None };
        fs::create_dir_all(this.scan()).unwrap();
        fs::create_dir_all(this.rest()).unwrap();
        fs::write(this.rest().join("svcmgr.toml"), DEFINITIONS).unwrap();
        script(&this.rest().join("blog"), STAY);
        let services: &[&str] = match name {
            "services" => &["db", "queue", "web"],
            "logged" => &["web"],
            "units" => &["db"],
            "crashing" => &["broken", "web"],
            "definitions" => &[],
            other => panic!("{other} is no stage"),
        };
        for service in services {
            let dir = this.scan().join(service);
            match *service {
                "db" => {
                    fs::create_dir_all(&dir).unwrap();
                    fs::write(dir.join("notification-fd"), "3\n").unwrap();
                    // Under suites without readiness nobody listens.
                    script(&dir, &format!("echo >&3\n{STAY}"));
                    if !matches!(under.of("db"), Suite::S6 | Suite::Embedded) {
                        script(&dir, STAY);
                        fs::remove_file(dir.join("notification-fd")).unwrap();
                    }
                }
                "broken" => script(&dir, "exit 3"),
                _ => script(&dir, STAY),
            }
        }
        if name == "logged" {
            let log = this.scan().join("web/log");
            script(&log, "exec svlogd -tt main");
            fs::create_dir(log.join("main")).unwrap();
            let lines =
                "echo starting; echo listening on port 8080; echo 'GET / 200'; exec sleep 1000";
            script(&this.scan().join("web"), lines);
        }
        if name == "units" {
            let unit = Path::new("/run/systemd/system/web.service");
            fs::write(unit, "[Service]\nExecStart=/bin/sleep 1000\n").unwrap();
            this.unit = Some(unit);
            reload();
        }
        this.supervise(services, under);
        this.settle(services, name);
        this
    }

    fn scan(&self) -> PathBuf {
        self.tree.path().join("service")
    }

    fn rest(&self) -> PathBuf {
        self.tree.path().join("srv")
    }

    fn supervise(&mut self, services: &[&str], under: Under) {
        if matches!(under, Under::One(Suite::Embedded) | Under::Systemd) {
            let scan = self.scan();
            self.start(&[PROGRAM, "scan"], &scan);
            return;
        }
        for service in services {
            let dir = self.scan().join(service);
            self.start(&[under.of(service).supervisor()], &dir);
        }
    }

    fn start(&mut self, words: &[&str], dir: &Path) {
        let child = Command::new(words[0])
            .args(&words[1..])
            .arg(dir)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.supervisors.push(child.unwrap());
    }

    /// Waits until all is as the table above says.
    fn settle(&self, services: &[&str], stage: &str) {
        let scan = ScanDir::new(self.scan());
        let limit = Instant::now() + PATIENCE;
        let there = |name: &str| {
            let service = scan.service(name).ok()?;
            let seen = service.status().ok()?;
            seen.facts().is_some().then_some((service, seen.notifies() == Some(true)))
        };
        for name in services {
            let (service, notifies) = loop {
                match there(name) {
                    Some(found) => break found,
                    None => assert!(Instant::now() < limit, "{name} gets no status"),
                }
                std::thread::sleep(Duration::from_millis(2));
            };
            if *name == "broken" {
                continue;
            }
            let reached = |service: &Service, goal| {
                let request = Request::wait(goal);
                loop {
                    match request.pursue(service, limit) {
                        Ok(outcome) if outcome.is_reached() => break,
                        // A logger's supervisor may still be on its way.
                        Ok(outcome) if outcome.why().is_some() && Instant::now() < limit => (),
                        other => panic!("{name}: {other:?}"),
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
            };
            // It is `logs` that is looked at there, also by way of the logger's command line.
            if let Some(logger) = service.log().filter(|_| stage == "logged") {
                reached(&logger, Goal::Up);
            }
            if notifies {
                reached(&service, Goal::Ready);
            }
            // Long enough to be called "already up".
            reached(&service, Goal::UpFor(Duration::from_millis(300)));
        }
        let current = self.scan().join("web/log/main/current");
        while stage == "logged"
            && fs::read_to_string(&current).unwrap_or_default().lines().count() < 3
        {
            assert!(Instant::now() < limit, "svlogd writes nothing");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A command with the paths that are meant.
    pub(super) fn real(&self, command: &str) -> String {
        let scan = self.scan().display().to_string();
        command
            .replace(SCAN, &scan)
            .replace(&format!("{REST}/"), &format!("{}/", self.rest().display()))
    }

    /// A line with the paths that the pages show.
    pub(super) fn shown(&self, line: &str) -> String {
        line.replace(&self.scan().display().to_string(), SCAN)
            .replace(&self.rest().display().to_string(), REST)
    }

    /// Nothing of this machine but its programs.
    pub(super) fn environment<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let programs = Path::new(PROGRAM).parent().unwrap().to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs).chain(std::env::split_paths(&path));
        command
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("SVDIR", self.scan())
            .env("HOME", self.rest())
            .env("XDG_RUNTIME_DIR", self.tree.path())
            .env("TZ", "UTC")
            .current_dir(self.rest())
    }
}

/// The manager reads unit files when it is told to.
fn reload() {
    let told = Command::new("systemctl").arg("daemon-reload").status();
    assert!(told.is_ok_and(|status| status.success()));
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(unit) = self.unit {
            let _stopped = Command::new("systemctl").args(["stop", "web.service"]).status();
            let _gone = fs::remove_file(unit);
        }
        for supervisor in &mut self.supervisors {
            let _gone = supervisor.kill();
            let _reaped = supervisor.wait();
        }
        strays::end(self.tree.path(), || ());
    }
}

fn script(dir: &Path, body: &str) {
    fs::create_dir_all(dir).unwrap();
    let (fresh, path) = (dir.join(".fresh"), dir.join("run"));
    fs::write(&fresh, format!("#!/bin/sh\nexec 2>&1\n{body}\n")).unwrap();
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(fresh, path).unwrap();
}
