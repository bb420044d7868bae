//! Where `sd_notify(3)` is not spoken: programs speak it under Linux alone.

use crate::{
    args::{Notify, NotifyBridge},
    exit::Exit,
    output::{Output, complain},
};

const WHY: &str = "notify-bridge: it works on Linux alone, whose kernel says who has written to a socket\n  \
                   hint: say in the definition when the service is ready by `ready.tcp`, `http` or `command`";

/// Says that it cannot be done; the program is not started.
pub(crate) fn bridge(args: &NotifyBridge, output: &mut Output) -> Exit {
    let NotifyBridge { fd: _, program: _ } = args;
    output.message(WHY);
    Exit::System
}

/// The same of what nobody starts here.
pub(crate) fn reader(args: &Notify) -> Exit {
    let Notify { leave: _, pid: _, began: _ } = args;
    complain(WHY);
    Exit::System
}
