//! `svctl notify-bridge FD -- PROGRAM`: for a program that speaks `sd_notify(3)` under a supervisor that does not.
//!
//! It becomes PROGRAM, which so has the pid that the supervisor knows. Before, it makes a socket for
//! `NOTIFY_SOCKET` and starts `svctl __notify`, no child of the program's, which reads that socket for as
//! long as the program runs. At `READY=1` it writes the pid of the program and a line end to FD: for s6, a
//! line to `notification-fd`; for runit, a file that `check` compares with the pid of the record.
//!
//! The socket is the embedded supervisor's (`NotifySocket`), and so are the rules for who may tell.
//!
//! Source: `sd_notify(3)`; s6's `notification-fd`.

use std::{
    ffi::OsString,
    fs, io,
    os::{
        fd::{AsFd as _, OwnedFd, RawFd},
        unix::process::CommandExt as _,
    },
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::close,
};
use rustix::process::{PidfdFlags, pidfd_open};
use svcmgr::devtree::{NotifyMessage, NotifySocket};

use crate::{
    args::{Notify, NotifyBridge},
    exit::Exit,
    output::{Output, complain},
};

/// Returns if the program was not started.
pub(crate) fn bridge(args: &NotifyBridge, output: &mut Output) -> Exit {
    let Some((program, words)) = args.program.split_first() else { return Exit::Usage };
    match prepare(args.fd) {
        Ok(name) => {
            let failed = Command::new(program).args(words).env("NOTIFY_SOCKET", name).exec();
            let shown = program.to_string_lossy();
            output.message(&format!("cannot run {shown}: {failed}"));
        }
        Err(why) => output.message(&why),
    }
    Exit::System
}

/// Makes the socket and starts its reader; the value of `NOTIFY_SOCKET`.
fn prepare(fd: RawFd) -> Result<OsString, String> {
    if fd < 3 || fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_err() {
        return Err(format!(
            "descriptor {fd} is not open: the supervisor, or the script that runs this, opens it (`notification-fd` of s6)"
        ));
    }
    let made = NotifySocket::new().and_then(|socket| Ok((socket.name()?, OwnedFd::from(socket))));
    let (name, socket) =
        made.map_err(|why| format!("cannot make a socket for sd_notify(3): {why}"))?;
    let own = std::env::current_exe().map_err(|why| format!("cannot find this program: {why}"))?;
    let pid = std::process::id();
    let began = began(pid).ok_or_else(|| format!("cannot read /proc/{pid}/stat"))?;
    // The shell knows how to hand on a descriptor by its number. Nothing of the environment is for it.
    let reader = Command::new("/bin/sh")
        .args(["-c", &format!("exec \"$0\" __notify --leave \"$1\" \"$2\" 1>&{fd} {fd}>&-")])
        .arg(own)
        .args([pid.to_string(), began.to_string()])
        .env_clear()
        .stdin(Stdio::from(socket))
        .status();
    match reader {
        Ok(status) if status.success() => (),
        Ok(status) => return Err(format!("the reader of NOTIFY_SOCKET did not start: {status}")),
        Err(why) => return Err(format!("cannot start the reader of NOTIFY_SOCKET: {why}")),
    }
    // It is the reader's now. Whether it was open was seen above.
    let _closed = close(fd);
    Ok(name.into())
}

/// Reads the socket on standard input until the process is gone.
pub(crate) fn reader(args: &Notify) -> Exit {
    match read(args) {
        Ok(()) => Exit::Done,
        Err(why) => {
            complain(&format!("svctl notify-bridge: {why}"));
            Exit::System
        }
    }
}

fn read(args: &Notify) -> Result<(), String> {
    if args.leave {
        // A process of its own, which is no child of the program's, and none of its terminal.
        let own = std::env::current_exe().map_err(|why| why.to_string())?;
        let mut next = Command::new(own);
        next.arg("__notify").args([args.pid.to_string(), args.began.to_string()]);
        return next.current_dir("/").spawn().map(drop).map_err(|why| why.to_string());
    }
    let _own_session = nix::unistd::setsid();
    let pid = rustix::process::Pid::from_raw(args.pid).ok_or("no pid")?;
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
    if u32::try_from(args.pid).ok().and_then(began) != Some(args.began) {
        return Ok(());
    }
    let socket = io::stdin().as_fd().try_clone_to_owned().map(NotifySocket::from);
    let socket = socket.map_err(|why| format!("cannot use standard input: {why}"))?;
    let mut told = false;
    loop {
        let mut polled = [
            PollFd::new(socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(process.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(why) => return Err(format!("cannot wait: {why}")),
        }
        let [_, process] = &polled;
        let is_gone = process.any().unwrap_or(true);
        while let Some(message) = socket
            .receive(args.pid.try_into().ok())
            .map_err(|why| format!("cannot read NOTIFY_SOCKET: {why}"))?
        {
            refuse(&message, args.pid);
            if !told && message.lines().any(|line| line == b"READY=1") {
                told = true;
                tell(args.pid);
            }
        }
        if is_gone {
            return Ok(());
        }
    }
}

/// A line with the pid. Nobody may read it any more.
fn tell(pid: i32) {
    use std::io::Write as _;
    let mut out = io::stdout();
    let _told = out.write_all(format!("{pid}\n").as_bytes()).and_then(|()| out.flush());
}

/// Says whose message is not heard.
fn refuse(message: &NotifyMessage, program: i32) {
    if !message.may_tell() {
        let (pid, user) = (message.pid(), message.user());
        complain(&format!(
            "svctl notify-bridge: what process {pid} of user {user} says is not heard: it is neither of this user, nor of the user of process {program}, nor started by it"
        ));
    }
}

/// When a process began, in ticks since the boot: with its pid, it names one process.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // Before it is the name, in which there may be anything.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    std::str::from_utf8(stat.get(end + 1..)?).ok()?.split_ascii_whitespace().nth(19)?.parse().ok()
}
