//! Services that misbehave, for testing clients of supervisors. They need `/bin/sh` and `sleep`.
//!
//! Each has a `notification-fd`, so a client may wait for readiness.
//! [`Kit::start`](super::Kit::start) does not wait for it: it returns when the client's work may
//! begin.

use std::time::Duration;

use super::{ReadyWhen, Spec};

/// The descriptor with which doubles say that they are ready.
const NOTIFY: u32 = 3;

/// For ever, as far as tests are concerned.
const STAY: &str = "exec sleep 1000000";

/// Up at once, ready after so long.
pub fn ready_late(name: impl Into<String>, after: Duration) -> Spec {
    shell(name, &format!("sleep {}; echo >&3; exec 3>&-; {STAY}", after.as_secs_f64()))
}

/// Up, and never ready.
pub fn never_ready(name: impl Into<String>) -> Spec {
    shell(name, STAY)
}

/// Ready, and deaf to SIGTERM: only SIGKILL ends it.
pub fn ignores_term(name: impl Into<String>) -> Spec {
    // What is ignored stays so in the program that is executed.
    shell(name, &format!("trap '' TERM; echo >&3; exec 3>&-; {STAY}"))
        // Not earlier: until then SIGTERM would end it.
        .ready(ReadyWhen::Fd(NOTIFY))
}

/// Ends with this code as soon as it is started, again and again.
pub fn crashes_at_once(name: impl Into<String>, code: u8) -> Spec {
    shell(name, &format!("echo crashing; exit {code}")).ready(ReadyWhen::Supervised)
}

/// Writes so many lines as fast as it can, says that it is ready, and stays.
pub fn floods_its_log(name: impl Into<String>, lines: u64) -> Spec {
    let script = "i=0; while [ \"$i\" -lt \"$LINES_TO_WRITE\" ]; do i=$((i+1)); \
                  echo \"flood $i\"; done; echo >&3; exec 3>&-; ";
    shell(name, &format!("{script}{STAY}")).env("LINES_TO_WRITE", lines.to_string())
}

fn shell(name: impl Into<String>, script: &str) -> Spec {
    Spec::new(name, ["/bin/sh", "-c", script])
        .file(svproto::files::NOTIFICATION_FD, format!("{NOTIFY}\n"))
}
