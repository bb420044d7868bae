//! The fuzz properties on captured records, on one-byte changes of them, and on noise; a few
//! seconds, the same each time. Each byte is changed to two values of those that are listed; to every
//! one of them with `SV_THOROUGH`, as `cargo xtask test --thorough` has it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use svproto_fuzz::ALL;

/// The captured and the damaged records.
fn seeds() -> Vec<Vec<u8>> {
    let files = [
        include_str!("../../crates/svproto/testdata/corpus.json"),
        include_str!("../../crates/svproto/testdata/malformed.json"),
    ];
    let entries =
        files.iter().flat_map(|text| serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap());
    entries
        .map(|entry| {
            let hex = entry["hex"].as_str().unwrap();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(byte).collect()
        })
        .collect()
}

/// A small generator (xorshift), so that a failure comes again.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Of the values that a byte is changed to: all of them, or two, which are others at the next place.
fn values(all: &[u8], at: usize) -> impl Iterator<Item = u8> {
    let taken = if std::env::var_os("SV_THOROUGH").is_some() { all.len() } else { 2 };
    all.iter().copied().cycle().skip((2 * at) % all.len()).take(taken)
}

#[test]
fn seeds_and_their_one_byte_changes_hold() {
    for seed in seeds() {
        for (_, property) in ALL {
            property(&seed);
            for at in 0..seed.len() {
                for value in values(&[0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff], at) {
                    let mut changed = seed.clone();
                    changed[at] = value;
                    property(&changed);
                }
            }
        }
    }
}

#[test]
fn noise_of_every_length_holds() {
    let mut noise = Noise(0x5eed);
    for round in 0..20_000 {
        let bytes = noise.bytes(round % 130);
        for (_, property) in ALL {
            property(&bytes);
        }
    }
}

/// Definitions that are right, in pieces that a mutation may spoil.
const DEFINITION: &str = r#"
[service.web]
exec = ["/bin/sh", "-c", "echo $0 \"%n\"", ""]
description = "100% web"
cwd = "/srv/a b"
env = { A = "", PATH = "/bin", C = "x\ny " }
user = "daemon"
group = "daemon"
groups = ["adm"]
umask = "022"
dirs = { runtime = ["web"], logs = { names = ["a", "b"], mode = "0750" } }
nice = -5
io_priority = { class = "idle" }
limits = { data = "512M", core = 0, cpu = "1m", files = { soft = 64, hard = "infinity" }, stack = "infinity" }
resources = { memory_max = "1G", pids = "infinity", cpu = "50%" }
stdin = "null"
stdout = "/var/log/x%"
ready = { tcp = "[::1]:80", timeout = "1m" }
stop = { signal = "SIGINT", kill_after = "1s 500ms", command = ["/bin/a b"] }
reload = { check = ["/bin/c"], signal = "HUP" }
finish = ["/bin/true"]
restart = { when = "on-failure", delay = "2s", max = 5, within = "1m" }
after = ["db"]
log = { dir = "/var/log/web", max_size = "10M", filter = ["-*a*", "+b"], mode = "0700" }
systemd.Service = { ProtectSystem = "strict", ExecStartPre = ["/bin/a", "-/bin/b"], OOMScoreAdjust = -5 }
[service.db]
exec = ["db"]
stop.group = false
root = "/r"
user = 1
group = 1
"#;

#[test]
fn a_definition_and_its_one_byte_changes_hold() {
    svproto_fuzz::definition(DEFINITION.as_bytes());
    assert!(svbuild::Definitions::from_toml(DEFINITION).is_ok());
    for at in 0..DEFINITION.len() {
        for value in values(b"\"\n9-.[\0\x7f", at) {
            let mut changed = DEFINITION.as_bytes().to_vec();
            changed[at] = value;
            svproto_fuzz::definition(&changed);
        }
        let mut cut = DEFINITION.as_bytes().to_vec();
        cut.remove(at);
        svproto_fuzz::definition(&cut);
    }
}
