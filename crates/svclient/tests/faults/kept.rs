//! Directories as daemontools-encore and s6-rc made them, in `svproto`'s `testdata`: neither has to be
//! installed for these to be read as they were.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use svclient::Normally;

use super::*;

const ENCORE: &str = include_str!("../../../svproto/testdata/encore/directories.json");
const S6_RC: &str = include_str!("../../../svproto/testdata/s6-rc/live.json");

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Makes what was there again; names of the place where it was are those of this place.
fn make_again(files: &Value, place: &Path) {
    let here = |text: &str| text.replace("TREE", place.to_str().unwrap());
    for file in files.as_array().unwrap() {
        let path = place.join(text(&file["path"]));
        let mode = u32::from_str_radix(text(&file["mode"]), 8).unwrap();
        match text(&file["kind"]) {
            "directory" => fs::create_dir(&path).unwrap(),
            "fifo" => mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap(),
            "link" => {
                symlink(here(text(&file["to"])), &path).unwrap();
                continue;
            }
            "file" => match file["text"].as_str() {
                Some(text) => fs::write(&path, here(text)).unwrap(),
                None => fs::write(&path, bytes(file["hex"].as_str().unwrap_or(""))).unwrap(),
            },
            // A socket that nobody listens at says nothing.
            _ => continue,
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// What `svstat` has said: `up (pid 7) 0 seconds, paused, running`.
struct Native<'a>(&'a str);

impl Native<'_> {
    fn says(&self, word: &str) -> bool {
        self.0.split(", ").any(|it| it == word)
    }

    fn pid(&self) -> Option<u64> {
        self.0.strip_prefix("up (pid ")?.split(')').next()?.parse().ok()
    }

    #[track_caller]
    fn agrees_with(&self, facts: &Facts) {
        let (said, state) = (self.0, facts.state());
        assert_eq!(
            facts.pid.or(facts.finish_pid).map(|it| u64::from(it.get())),
            self.pid(),
            "{said}"
        );
        assert_eq!(
            facts.paused == Some(true) && facts.pid.is_some(),
            self.says("paused"),
            "{said}"
        );
        assert_eq!(state == State::Failed, self.says("failed"), "{said}");
        assert_eq!(state == State::Starting, self.says("starting"), "{said}");
        assert_eq!(state == State::Stopping, self.says("stopping"), "{said}");
        // To svstat what has no process is down.
        assert_eq!(state == State::Up && facts.pid.is_none(), self.says("started"), "{said}");
        assert_eq!(facts.finish_pid.is_some(), said.starts_with("up") && self.says("stopped"));
        if self.says("want down") {
            assert_eq!(facts.want, Some(Want::Down), "{said}");
        }
        if self.says("want up") {
            assert_eq!((facts.want, facts.pid), (Some(Want::Up), None), "{said}");
        }
    }
}

#[test]
fn directories_that_encore_made_say_what_its_own_tool_said() {
    let all: Vec<Value> = serde_json::from_str(ENCORE).unwrap();
    let mut with_logger = 0;
    for kept in &all {
        let name = text(&kept["situation"]);
        let tree = tempfile::Builder::new().prefix("svfault-").tempdir().unwrap();
        let dir = tree.path().join(name);
        fs::create_dir(&dir).unwrap();
        make_again(&kept["files"], &dir);
        fs::write(dir.join(files::STATUS), bytes(text(&kept["status"]))).unwrap();
        let lives = kept["alive"] == true;
        let _supervisor = lives.then(|| reader(&dir.join(files::OK)));

        let service = Service::open(&dir).unwrap();
        assert_eq!(service.dialect(), Some(Dialect::Encore), "{name}");
        let status = service.status().unwrap();
        assert_eq!(status.supervised(), Some(lives), "{name}");
        let is_down = dir.join("down").exists();
        assert_eq!(status.normally(), Some(if is_down { Normally::Down } else { Normally::Up }));
        let record = service.record().unwrap().unwrap();
        if let Some(pid) = kept["pid"].as_u64() {
            let told = record.facts();
            assert_eq!(told.pid.or(told.finish_pid), Pid::new(pid), "{name}");
        }
        let native: Vec<&str> = kept["native"].as_array().unwrap().iter().map(text).collect();
        if !lives {
            assert!(native[0].contains("supervise not running"), "{native:?}");
            continue;
        }
        Native(native[0]).agrees_with(status.facts().unwrap());

        let log = service.log().filter(Service::shares_supervisor);
        assert_eq!(log.is_some(), record.as_bytes().len() == 40, "{name}");
        let Some(log) = log else { continue };
        with_logger += 1;
        assert_eq!(
            (log.dir(), &*log.name().to_string()),
            (&*dir.join("log"), &*format!("{name}/log"))
        );
        let status = log.status().unwrap();
        let said = native[1].strip_prefix("log: ").unwrap();
        Native(said).agrees_with(status.facts().unwrap());
        if let Some(pid) = kept["log_pid"].as_u64() {
            assert_eq!(status.pid(), Pid::new(pid), "{name}");
        }
        // By its own path as well.
        let opened = Service::open(dir.join("log")).unwrap();
        assert_eq!(opened.status().unwrap().facts(), status.facts());
    }
    assert!(with_logger >= 4 && all.len() >= 15, "{with_logger} of {}", all.len());
}

#[test]
fn a_live_directory_of_s6_rc_says_what_its_own_tools_said() {
    let kept: Value = serde_json::from_str(S6_RC).unwrap();
    let tree = tempfile::Builder::new().prefix("svfault-").tempdir().unwrap();
    make_again(&kept["files"], tree.path());
    let services = ScanDir::new(tree.path().join("scan")).services().unwrap();
    let active: Vec<&str> = kept["active"].as_array().unwrap().iter().map(text).collect();
    let (mut helpers, mut longruns) = (0, 0);
    for service in &services {
        let name = service.name().to_string();
        let s6_rc = service.s6_rc().unwrap_or_else(|| panic!("{name} is not known as s6-rc's"));
        assert_eq!(s6_rc.name(), &*name);
        if s6_rc.is_helper() {
            helpers += 1;
            continue;
        }
        longruns += 1;
        assert_eq!(s6_rc.is_up(), Some(active.contains(&&*name)), "{name}");
        let facts = service.record().unwrap().unwrap().facts();
        let said = text(&kept["native"][&name]);
        let pid = said.strip_prefix("up (pid ").and_then(|it| it.split([')', ' ']).next());
        let pid = pid.map(|pid| pid.parse().unwrap());
        assert_eq!(facts.pid, pid.and_then(Pid::new), "{name}: {said}");
        let status = service.status().unwrap();
        // A `down` of s6-rc's says nothing.
        let normally = (!service.dir().join("down").exists()).then_some(Normally::Up);
        assert_eq!((status.supervised(), status.normally()), (Some(false), normally), "{name}");
    }
    assert!(helpers >= 2 && longruns >= 3, "{helpers}, {longruns}");
    // From the service through a filter to the logger.
    let web = services.iter().find(|it| it.name() == "web").unwrap();
    let logs = web.logs();
    let dirs: Vec<_> = logs.dirs().iter().map(|it| it.path().canonicalize().unwrap()).collect();
    assert_eq!(dirs, [tree.path().join("log").canonicalize().unwrap()]);
}
