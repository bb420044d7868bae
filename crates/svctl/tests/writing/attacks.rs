//! Somebody who owns the directory plants and swaps while root builds in it, as fast as the system
//! lets him. What he is after belongs to root and lies beside: contents, owners and numbers of
//! names are compared after each build.
//!
//! `SV_ATTACK_SECONDS` is for how long, each. `SV_ATTACKED` names another svctl to attack.

use std::{
    fs,
    os::unix::{
        fs::{DirBuilderExt, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::sys::stat::Mode;
use tempfile::TempDir;

use crate::arena::{self, Inventory, THIEF, dir, file, inventory, limited, program};

/// A build that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(10);
/// So that a file that is read without a bound ends in an error, and not the machine.
const MEMORY: u64 = 8 << 30;

/// What a thief does, again and again; told how often he has.
type Strike = fn(&Home, u64);

/// Where root builds: all of it the thief's, or one service directory of his.
struct Home {
    top: PathBuf,
}

impl Home {
    fn services(&self) -> PathBuf {
        self.top.join("home/services")
    }

    fn webs(&self) -> [PathBuf; 2] {
        [self.services().join("web"), self.top.join("etc/web")]
    }

    fn victim(&self, name: &str) -> PathBuf {
        self.top.join("victims").join(name)
    }

    /// Puts away whatever is there.
    fn away(&self, path: &Path) {
        let junk = self.top.join("home/junk");
        if fs::rename(path, &junk).is_err() {
            let _gone = fs::remove_file(&junk);
            let _gone = fs::remove_dir_all(&junk);
            let _gone = fs::rename(path, &junk);
        }
    }
}

struct Arena {
    tree: TempDir,
    home: Home,
}

impl Arena {
    fn new() -> Self {
        let tree = arena::tree();
        let home = Home { top: tree.path().to_owned() };
        for (name, text) in [("old.toml", arena::OLD), ("new.toml", arena::NEW)] {
            file(&tree.path().join(name), text, 0o600);
        }
        dir(&tree.path().join("home"), THIEF);
        dir(&home.services(), THIEF);
        dir(&tree.path().join("etc"), 0);
        let arena = Self { tree, home };
        arena.victims();
        for web in arena.home.webs() {
            dir(&web, THIEF);
            file(&web.join("run"), "#!/bin/sh\n", 0o755);
        }
        arena
    }

    /// A logger's directory, secrets, and a scan directory.
    fn victims(&self) {
        let victims = self.tree.path().join("victims");
        let _first = fs::remove_dir_all(&victims);
        dir(&victims, 0);
        let logs = dir(&victims.join("logs"), 0);
        dir(&logs.join("old"), 0);
        for name in ["old/lines", "current", "fresh", "link", "next"] {
            file(&logs.join(name), "lines\n", 0o644);
        }
        let secret = dir(&victims.join("secret"), 0);
        for name in ["run", "finish", "check", "down"] {
            file(&secret.join(name), "secret\n", 0o600);
        }
        let scan = dir(&victims.join("scan"), 0);
        file(&scan.join("mine"), "mine\n", 0o644);
    }

    fn build(&self, definition: &str, out: &Path, owner: bool) -> Command {
        let mut command = Command::new(program());
        command
            .arg("build")
            .arg(self.tree.path().join(definition))
            .args(["--for", "runit", "--lossy", "--out"])
            .arg(out);
        if owner {
            command.args(["--owner", &format!("{THIEF}:{THIEF}")]);
        }
        command
    }

    /// This test once more, as the thief.
    fn thief(&self, test: &str) -> Child {
        let itself = std::env::current_exe().unwrap();
        let itself = arena::copied(&itself, &self.tree.path().join("thief"));
        Command::new(itself)
            .args(["--exact", test, "--nocapture"])
            .env("SV_THIEF", self.tree.path())
            .uid(THIEF)
            .gid(THIEF)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// One attack, from both sides.
fn attack(test: &str, strike: Strike) {
    if let Some(top) = std::env::var_os("SV_THIEF") {
        steal(&Home { top: top.into() }, strike);
        return;
    }
    if !arena::is_root() {
        return;
    }
    let seconds = std::env::var("SV_ATTACK_SECONDS").ok().and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(3));
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_AS, MEMORY, MEMORY).unwrap();
    let arena = Arena::new();
    let victims = arena.tree.path().join("victims");
    let untouched: Inventory = inventory(&victims);
    let mut thief = arena.thief(&format!("attacks::{test}"));
    let (mut builds, mut lost, mut hung, mut unbound) = (0, 0, 0, 0);
    while Instant::now() < until {
        for (out, owner) in [("home/services", true), ("home/services", false), ("etc", false)] {
            let definition = if builds % 2 == 0 { "new.toml" } else { "old.toml" };
            let out = arena.tree.path().join(out);
            let ended = limited(&mut arena.build(definition, &out, owner), LIMIT);
            builds += 1;
            hung += u32::from(ended.is_late);
            unbound += u32::from(ended.code.is_none() && !ended.is_late);
            unbound += u32::from(ended.err.contains("memory"));
            if inventory(&victims) != untouched {
                lost += 1;
                arena.victims();
            }
        }
    }
    file(&arena.tree.path().join("stop"), "", 0o644);
    thief.wait().unwrap();
    let strikes = fs::read_to_string(arena.tree.path().join("home/strikes")).unwrap();
    eprintln!(
        "{test}: {strikes} strikes, {builds} builds: {lost} won, {hung} hung, {unbound} without a bound"
    );
    assert_eq!((lost, hung, unbound), (0, 0, 0), "{test}");
    assert!(strikes.parse::<u64>().unwrap() > 100, "the thief was there: {strikes}");
}

fn steal(home: &Home, strike: Strike) {
    let mut strikes: u64 = 0;
    while !home.top.join("stop").exists() {
        for _ in 0..20 {
            strike(home, strikes);
            strikes += 1;
        }
    }
    fs::write(home.top.join("home/strikes"), strikes.to_string()).unwrap();
}

#[test]
fn a_link_in_the_place_of_the_work_directory() {
    attack("a_link_in_the_place_of_the_work_directory", |home, _| {
        for web in home.webs() {
            let work = web.join(".svbuild.work");
            home.away(&work);
            let _planted = symlink(home.victim("logs"), &work);
        }
    });
}

#[test]
fn a_forged_work_directory_with_links_in_it() {
    attack("a_forged_work_directory_with_links_in_it", |home, strikes| {
        for web in home.webs() {
            let work = web.join(".svbuild.work");
            home.away(&work);
            let _made = fs::DirBuilder::new().mode(0o755).create(&work);
            let (secret, logs) = (home.victim("secret"), home.victim("logs"));
            match strikes % 3 {
                0 => {
                    let _planted = symlink(&secret, work.join("current"));
                }
                1 => {
                    let _planted = symlink("old", work.join("current"));
                    let _planted = symlink(&secret, work.join("old"));
                }
                _ => {
                    let _planted = symlink("new", work.join("current"));
                    let _planted = symlink(&secret, work.join("new"));
                    let _planted = symlink(&logs, work.join("old"));
                    let _planted = symlink(&logs, work.join("fresh"));
                }
            }
            for name in ["run", "finish", "check"] {
                home.away(&web.join(name));
                let to = Path::new(".svbuild.work/current").join(name);
                let _planted = symlink(to, web.join(name));
            }
        }
    });
}

#[test]
fn links_swapped_into_the_work_directory() {
    attack("links_swapped_into_the_work_directory", |home, strikes| {
        for web in home.webs() {
            let work = web.join(".svbuild.work");
            let name = ["new", "old", "new", "fresh"][usize::try_from(strikes % 4).unwrap()];
            let there = work.join(name);
            // What root has made in it does not go away, so no two have the same name.
            let junk = home.top.join(format!("home/junk.{strikes}"));
            if fs::rename(&there, &junk).is_ok() {
                let _planted = symlink(home.victim("scan"), &there);
                let _gone = fs::remove_dir_all(&junk);
            }
        }
    });
}

#[test]
fn directories_swapped_for_links() {
    attack("directories_swapped_for_links", |home, strikes| {
        let services = home.services();
        let paths = [services.clone(), services.join("web"), services.join("web/env")];
        let path = &paths[usize::try_from(strikes % 3).unwrap()];
        let aside = home.top.join("home/aside");
        let pause = || std::thread::sleep(Duration::from_micros(strikes % 7 * 100));
        pause();
        if fs::rename(path, &aside).is_ok() {
            let _planted = symlink(home.victim("scan"), path);
            pause();
            let _back = fs::remove_file(path).and_then(|()| fs::rename(&aside, path));
        }
    });
}

#[test]
fn files_that_block_or_have_no_end() {
    attack("files_that_block_or_have_no_end", |home, strikes| {
        const NAMES: [&str; 6] = [".svbuild", "run", "env/A", "check", "log/run", ".svbuild.work"];
        let name = NAMES[usize::try_from(strikes / 4 % 6).unwrap()];
        for web in home.webs() {
            let path = web.join(name);
            home.away(&path);
            match strikes % 4 {
                0 => {
                    let _planted = nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o644));
                }
                1 => {
                    let _planted = fs::File::create(&path).and_then(|it| it.set_len(1 << 40));
                }
                2 => {
                    let _planted = symlink("/dev/zero", &path);
                }
                _ => {
                    let _planted = symlink(home.victim("secret/run"), &path);
                }
            }
        }
        // A build is to meet it.
        if strikes % 2 == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
    });
}
