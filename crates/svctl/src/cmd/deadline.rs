//! How long a command may take, and until when that is.

use std::{
    env::VarError,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::args::{self, Timeout};

/// `--timeout`, else `$SVWAIT`, else 30 seconds.
pub(crate) fn timeout(wait: &Timeout) -> Result<Duration, String> {
    match (wait.timeout, std::env::var("SVWAIT")) {
        (Some(timeout), _) => Ok(timeout),
        (None, Ok(text)) if !text.is_empty() => {
            args::parse_duration(&text).map_err(|why| format!("cannot read $SVWAIT: {why}"))
        }
        (None, Err(VarError::NotUnicode(_))) => {
            Err("cannot read $SVWAIT: it is no text".to_owned())
        }
        (None, _) => Ok(Duration::from_secs(30)),
    }
}

/// How long `apply` may take to lead back, where something did not come about in that time.
pub(crate) fn way_back(timeout: Duration) -> Duration {
    timeout.max(Duration::from_secs(30))
}

/// When the command was begun: what is looked at before it takes of its time.
static BEGUN: Mutex<Option<Instant>> = Mutex::new(None);

/// From now on it counts, whatever was before.
pub(crate) fn begin() {
    *BEGUN.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// So long after the command was begun.
pub(crate) fn of_command(timeout: Duration) -> Instant {
    let begun = *BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    after(begun.unwrap_or_else(Instant::now), timeout)
}

/// So long after now.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    after(Instant::now(), timeout)
}

fn after(begun: Instant, timeout: Duration) -> Instant {
    begun.checked_add(timeout).unwrap_or(begun + FOR_EVER)
}

/// A century stands for a time that the clock cannot hold.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);
