//! `svctl notify-bridge FD -- PROGRAM`: for a program that speaks `sd_notify(3)` under a supervisor that does not.
//!
//! It becomes PROGRAM, which so has the pid that the supervisor knows. Before, it makes a socket for
//! `NOTIFY_SOCKET` and starts `svctl __notify`, no child of the program's, which reads that socket for as
//! long as the program runs. At `READY=1` it writes the pid of the program and a line end to FD: for s6, a
//! line to `notification-fd`; for runit, a file that `check` compares with the pid of the record.
//!
//! Who may tell is what the kernel says of the sender: a process of the same user or of root, or one that the
//! program has started. The socket is abstract, so that it needs no directory in which the user may write.
//!
//! Source: `sd_notify(3)`, `unix(7)`; s6's `notification-fd`.

use std::{
    ffi::OsString,
    fs, io,
    os::{
        fd::{AsFd, AsRawFd as _, RawFd},
        unix::process::CommandExt as _,
    },
    process::{Command, Stdio},
};

use nix::{
    cmsg_space,
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
        UnixCredentials, bind, getsockname, recvmsg, setsockopt, socket, sockopt,
    },
    unistd::{Pid, close, getuid},
};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::{
    args::{Notify, NotifyBridge},
    exit::Exit,
    output::{Output, complain},
};

/// No message of `sd_notify(3)` is longer; what is longer is cut, and not taken.
const LONGEST: usize = 4096;
/// How far up a process is looked for: more than any chain of programs is long.
const DEEPEST: usize = 64;

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
    let failed = |what: &'static str| move |why: Errno| format!("cannot {what}: {why}");
    let no_socket = failed("make a socket for sd_notify(3)");
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .map_err(no_socket)?;
    setsockopt(&socket, sockopt::PassCred, &true).map_err(failed("ask who writes to a socket"))?;
    // Without a name, the kernel gives one that nobody has.
    bind(socket.as_raw_fd(), &UnixAddr::new_unnamed()).map_err(failed("name a socket"))?;
    let name: UnixAddr =
        getsockname(socket.as_raw_fd()).map_err(failed("read the name of a socket"))?;
    let name = name.as_abstract().and_then(|name| std::str::from_utf8(name).ok());
    let name =
        name.map(|name| format!("@{name}")).ok_or("the kernel has given a socket no name")?;
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
    let socket = io::stdin();
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
        while let Some(message) = receive(&socket, Pid::from_raw(args.pid))? {
            if !told && message.split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
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

/// The next message that is there, empty if it is not to be heard; `None` if there is none.
fn receive(socket: &io::Stdin, program: Pid) -> Result<Option<Vec<u8>>, String> {
    let mut text = vec![0; LONGEST];
    let mut parts = [io::IoSliceMut::new(&mut text)];
    // Whoever asks for a barrier sends a descriptor, and waits until it is closed.
    let mut control = cmsg_space!(UnixCredentials, [RawFd; 16]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags);
    let received = match received {
        Ok(received) => received,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        Err(why) => return Err(format!("cannot read NOTIFY_SOCKET: {why}")),
    };
    let mut sender = None;
    let is_whole = !received.flags.contains(MsgFlags::MSG_TRUNC);
    for part in received.cmsgs().into_iter().flatten() {
        match part {
            ControlMessageOwned::ScmCredentials(it) => sender = Some(it),
            ControlMessageOwned::ScmRights(descriptors) => {
                for descriptor in descriptors {
                    let _closed = close(descriptor);
                }
            }
            _ => (),
        }
    }
    let length = received.bytes;
    let is_heard = sender.is_some_and(|sender| {
        sender.uid() == getuid().as_raw()
            || sender.uid() == 0
            || descends(Pid::from_raw(sender.pid()), program)
    });
    if !is_heard {
        let who = sender.map(|it| format!("process {} of user {}", it.pid(), it.uid()));
        let who = who.unwrap_or_else(|| "somebody unknown".to_owned());
        complain(&format!(
            "svctl notify-bridge: what {who} says is not heard: it is neither of this user nor started by process {program}"
        ));
    }
    text.truncate(if is_heard && is_whole { length } else { 0 });
    Ok(Some(text))
}

/// Whether a process is one that another has started, or one of those have.
fn descends(process: Pid, from: Pid) -> bool {
    let mut at = process;
    for _ in 0..DEEPEST {
        if at == from {
            return true;
        }
        let parent = u32::try_from(at.as_raw()).ok().and_then(|pid| field(pid, 1)?.parse().ok());
        match parent {
            Some(parent) if parent > 1 => at = Pid::from_raw(parent),
            _ => return false,
        }
    }
    false
}

/// When a process began, in ticks since the boot: with its pid, it names one process.
fn began(pid: u32) -> Option<u64> {
    field(pid, 19)?.parse().ok()
}

/// A field of `/proc/PID/stat`, counted from the state; before it is the name, in which there may be anything.
fn field(pid: u32, at: usize) -> Option<String> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = String::from_utf8_lossy(stat.get(end + 1..)?).into_owned();
    rest.split_ascii_whitespace().nth(at).map(str::to_owned)
}
