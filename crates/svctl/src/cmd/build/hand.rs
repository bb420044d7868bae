//! Writing where somebody else may write: nothing is done there with the rights of this process.
//! The plan goes to a second svctl, which is that user, so that the system refuses what the user
//! may not do. What comes back was said by a process of that user, and is believed no more than
//! that.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use nix::unistd::{Gid, Uid, User};
use svcmgr::build::{Plan, plan::Unit};

use super::wire::{Errand, Failed, LARGEST_ANSWER, Told};
use crate::{
    args::{Made, Owner},
    exit::Exit,
    json::Found,
    output::Output,
};

/// How long it may take, and so much more for each unit: the user can stop the process at any time.
const PATIENCE: Duration = Duration::from_secs(10);
const FOR_EACH: Duration = Duration::from_secs(2);
/// How long the end of a process that was killed is waited for.
const LAST: Duration = Duration::from_secs(2);

/// A part of a plan, and who is to write it; this process, if `None`.
pub(super) type Part = (Option<Owner>, Plan);

/// Parts of the plan by who writes them: the owner that was asked for, else by whoever the
/// directory belongs to.
pub(super) fn parts(plan: &Plan, out: &Path, asked: Option<Owner>) -> Result<Vec<Part>, String> {
    let own = Owner { uid: Uid::effective().as_raw(), gid: Gid::effective().as_raw() };
    if let Some(owner) = asked {
        return Ok(vec![(Some(owner).filter(|owner| *owner != own), plan.clone())]);
    }
    // Nobody can become a user without a number here: what belongs to such is left to the library
    // to judge.
    let is_other = |uid: &u32| *uid != own.uid && *uid != 0 && !svtrust::is_outsider(*uid);
    // Nothing depends on what is found here but who writes: each of them looks again, by itself.
    let whose = |path: &Path| match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => path.metadata().ok(),
        other => other.ok(),
    };
    let dir = out
        .ancestors()
        .find_map(|it| whose(if it.as_os_str().is_empty() { Path::new(".") } else { it }));
    if let Some(other) = dir.map(|it| it.uid()).filter(is_other) {
        return Ok(vec![(Some(as_user(other, out)?), plan.clone())]);
    }
    let mut parts: BTreeMap<Option<Owner>, Plan> = BTreeMap::new();
    for (name, unit) in &plan.units {
        let path = out.join(name);
        let of = match path.symlink_metadata() {
            Ok(there) if there.is_dir() && matches!(unit, Unit::Directory(_)) => there.uid(),
            _ => own.uid,
        };
        let other = Some(of).filter(is_other);
        let other = other.map(|uid| as_user(uid, &path)).transpose()?;
        parts.entry(other).or_default().units.insert(name.clone(), unit.clone());
    }
    Ok(parts.into_iter().collect())
}

/// A user by number, with the group that it has of itself. That of the directory says nothing:
/// its owner need not be in it.
fn as_user(uid: u32, path: &Path) -> Result<Owner, String> {
    if !Uid::effective().is_root() {
        return Err(format!(
            "cannot use {}: it belongs to user {uid}\n  hint: run svctl as that user",
            path.display()
        ));
    }
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => Ok(Owner { uid, gid: user.gid.as_raw() }),
        _ => Err(format!(
            "cannot use {}: it belongs to user {uid}, whose group nobody knows\n  hint: say which \
             with --owner {uid}:GID",
            path.display()
        )),
    }
}

/// Has a plan compared or written by another user. What was found is given even where it failed
/// then.
pub(super) fn over(
    owner: Owner,
    plan: &Plan,
    out: &Path,
    args: &Made,
    output: &mut Output,
    mut found: impl FnMut(Found, &mut Output),
) -> Result<(), Exit> {
    let deadline =
        Instant::now() + PATIENCE + FOR_EACH * u32::try_from(plan.units.len()).unwrap_or(u32::MAX);
    let out = std::path::absolute(out).map_err(|error| {
        output.message(&format!("cannot find {}: {error}", out.display()));
        Exit::System
    })?;
    let answer = ask(owner, &Errand::new(plan, &out, args), deadline).map_err(|error| {
        output.message(&format!("cannot write as user {}: {error}", owner.uid));
        Exit::System
    })?;
    let mut ended = None;
    for line in answer.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match (serde_json::from_slice(line), &ended) {
            (Ok(Told::Found(it)), None) => found(it, output),
            (Ok(it), None) => ended = Some(it),
            _ => {
                ended = None;
                break;
            }
        }
    }
    match ended {
        Some(Told::Done) => Ok(()),
        Some(Told::Failed(failed)) => Err(failed_as(owner, &out, failed, output)),
        _ if answer.is_late => {
            output.message(&format!(
                "cannot write {} as user {}: it took too long, and was ended\n  hint: the next \
                 build goes on from there",
                out.display(),
                owner.uid
            ));
            Err(Exit::System)
        }
        _ => {
            output.message(&format!(
                "cannot write {} as user {}: the process that did so has not said how it ended",
                out.display(),
                owner.uid
            ));
            Err(Exit::System)
        }
    }
}

fn failed_as(owner: Owner, out: &Path, failed: Failed, output: &mut Output) -> Exit {
    let Owner { uid, gid } = owner;
    for line in failed.lines {
        output.message(&format!("as user {uid}: {line}"));
    }
    let out = out.display();
    let is_root = Uid::effective().is_root();
    let hint = if failed.denied && is_root {
        // A process of that user may say anything, but a hint is what root will type.
        Some(format!(
            "what only root may do there, root does once: `install -d -o {uid} -g {gid} {out}` where it \
             is missing, `chown -R {uid}:{gid}` for what belongs to others"
        ))
    } else if failed.denied {
        Some("only root can write as another user".to_owned())
    } else {
        failed.hint
    };
    if let Some(hint) = hint {
        output.hint(&hint);
    }
    if failed.system { Exit::System } else { Exit::Negative }
}

struct Answer {
    bytes: Vec<u8>,
    /// It did not end by itself.
    is_late: bool,
}

/// Starts the process, gives it the plan and hears it to its end, or to the deadline.
fn ask(owner: Owner, errand: &Errand, deadline: Instant) -> io::Result<Answer> {
    let text = serde_json::to_vec(errand)?;
    let mut child = start(owner)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // Neither thread is waited for: whoever stops the process stops them, until this one ends.
    std::thread::spawn(move || {
        // Who does not read it says so in its answer.
        let _ended = stdin.map(|mut stdin| stdin.write_all(&text));
    });
    let (says, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stdout) = stdout {
            let mut chunk = vec![0; 64 << 10];
            loop {
                match stdout.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(count) => bytes.extend(chunk.get(..count).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                    Err(_) => break,
                }
                if bytes.len() as u64 > LARGEST_ANSWER {
                    bytes.clear();
                    break;
                }
                // What was said so far, should it be all.
                if bytes.ends_with(b"\n") && says.send((bytes.clone(), false)).is_err() {
                    return;
                }
            }
        }
        let _nobody_waits = says.send((bytes, true));
    });
    let mut answer = Answer { bytes: Vec::new(), is_late: true };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((bytes, is_all)) = heard.recv_timeout(left) else { break };
        answer.bytes = bytes;
        if is_all {
            answer.is_late = false;
            break;
        }
    }
    end(child);
    Ok(answer)
}

/// Nothing of this process goes along but the two ends of its pipes: no variable, no directory.
/// What else was open it closes before it becomes that user.
fn start(owner: Owner) -> io::Result<Child> {
    let itself = PathBuf::from("/proc/self/exe");
    let itself = if itself.exists() { itself } else { std::env::current_exe()? };
    Command::new(itself)
        .args(["__write", &format!("{}:{}", owner.uid, owner.gid)])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// It has said all, or is late. It is a child that was not waited for, so its number is its own.
fn end(mut child: Child) {
    let _has_ended = child.kill();
    let (says, heard) = mpsc::channel();
    std::thread::spawn(move || says.send(child.wait().is_ok()));
    // Where its files are on a disk that does not answer, that ends it when it does.
    let _ended = heard.recv_timeout(LAST);
}
