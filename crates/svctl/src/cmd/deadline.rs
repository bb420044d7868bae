//! How long a command may take, and until when that is.

use std::{
    env::VarError,
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

pub(crate) fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + FOR_EVER)
}

/// A century stands for a time that the clock cannot hold.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);
