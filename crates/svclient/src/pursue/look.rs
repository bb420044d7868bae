//! What a status shows of a service's processes, and who is asked about it.

use svproto::{Cause, Dialect, Op, Phase, Pid};

use super::Request;
use crate::{Intent, Service, Status, Suite, Supervised, check};

/// Why a service cannot say that it is ready.
pub(super) fn no_readiness(service: &Service) -> Cause {
    let is_runits = service.dialect() == Some(Dialect::Runit);
    if is_runits && check::is_there(service.handle()) && !check::has_script(service.handle()) {
        Cause::CheckNotExecutable
    } else {
        Cause::NoReadiness
    }
}

/// Whether nobody will ever say of it that it is ready. Of a unit its type tells, which is not read of one without a
/// process.
pub(super) fn never_says_ready<B: Supervised>(
    service: &B,
    directory: Option<&Service>,
    seen: &Status,
) -> bool {
    if let Some(directory) = directory {
        return directory.never_says_ready(seen);
    }
    let is_unit = service.suite() == Some(Suite::Systemd);
    is_unit && seen.facts().is_some_and(|it| it.pid.is_some()) && seen.ready().is_none()
}

/// Who is asked: the directory that was opened, wherever its path leads by now.
pub(super) fn whom<'a, B: Supervised>(
    directory: Option<&'a Service>,
    service: &'a B,
) -> &'a dyn Supervised {
    match directory {
        Some(directory) => directory,
        None => service,
    }
}

/// The operation whose wish the record must show before it can have been read.
pub(super) fn wish(request: &Request) -> Option<Op> {
    request.intent().and_then(Intent::wish)
}

/// The process that is there, be it that of `finish`, about which `sv` asks as well.
pub(super) fn process(status: &Status) -> Option<Pid> {
    status.reading.facts().and_then(|status| status.pid.or(status.finish_pid))
}

/// Whether there is something to ask about.
pub(super) fn has_process(status: &Status) -> bool {
    runs(status) || process(status).is_some()
}

/// Whether there is a process of `run`.
pub(super) fn runs(status: &Status) -> bool {
    status.reading.facts().is_some_and(|status| status.phase == Phase::Up)
}
