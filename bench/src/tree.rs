//! Scan directories made of captured records, with FIFOs that somebody reads and locks that
//! somebody holds: to a caller that looks, each service is supervised.

use std::{
    ffi::CString,
    fs::{self, File},
    io::Read,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, FlockOperation, Mode, OFlags, fcntl_lock, mknodat, open};
use svproto::{Dialect, Phase, Record};

use crate::Fallible;

const CORPUS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/svproto/testdata/corpus.json"));

/// What is held open: while it is, the services are alive.
type Held = Vec<OwnedFd>;

/// Where a service of such a tree is.
pub(crate) fn place(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("web-{number:05}"))
}

/// A path as the system takes it.
pub(crate) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

/// Makes a tree, says `ready`, and holds it until standard input ends.
pub(crate) fn hold(suite: Dialect, dir: &Path, count: usize) -> Fallible {
    let record = running(suite)?;
    let held: Vec<Held> = (0..count)
        .map(|number| service(suite, &place(dir, number), &record, number < FEW))
        .collect::<Fallible<_>>()?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(())
}

/// So many services have a control FIFO that is held, too.
const FEW: usize = 5_000;

/// What a running service's supervisor of this suite published: the last such record that was
/// captured.
pub(crate) fn running(suite: Dialect) -> Fallible<Vec<u8>> {
    let corpus: serde_json::Value = serde_json::from_str(CORPUS)?;
    let all = corpus.as_array().into_iter().flatten();
    let of_suite = all.filter(|it| {
        it["supervisor"] == suite.name()
            && it["supervisor_alive"] == true
            && it["down_file"] == false
    });
    let mut records = of_suite.filter_map(|it| it["hex"].as_str().and_then(bytes));
    let up = |bytes: &Vec<u8>| {
        Record::from_bytes(suite, bytes)
            .is_ok_and(|it| it.facts().phase == Phase::Up && it.check().is_ok())
    };
    records.rfind(up).ok_or_else(|| format!("no captured record of {suite}").into())
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2).map(str::from_utf8);
    pairs.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
}

fn service(suite: Dialect, dir: &Path, record: &[u8], with_control: bool) -> Fallible<Held> {
    let supervise = dir.join("supervise");
    fs::create_dir_all(&supervise)?;
    let run = dir.join("run");
    fs::write(&run, "#!/bin/sh\nexec sleep 1000\n")?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
    fs::write(supervise.join("status"), record)?;
    let mut held = vec![];
    if suite == Dialect::S6 {
        fs::create_dir_all(dir.join("event"))?;
        fs::write(supervise.join("death_tally"), [])?;
        let lock = File::create(supervise.join("lock"))?;
        fcntl_lock(&lock, FlockOperation::LockExclusive)?;
        held.push(lock.into());
    } else {
        File::create(supervise.join("lock"))?;
        held.push(fifo(&supervise.join("ok"))?);
    }
    if suite == Dialect::Runit {
        fs::write(supervise.join("stat"), "run\n")?;
        fs::write(supervise.join("pid"), "1\n")?;
    }
    if with_control {
        held.push(fifo(&supervise.join("control"))?);
    }
    Ok(held)
}

/// A FIFO that is read by whoever keeps what is returned.
fn fifo(path: &Path) -> Fallible<OwnedFd> {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0)?;
    Ok(open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?)
}
