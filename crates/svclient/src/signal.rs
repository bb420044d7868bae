//! Names of signals, by the numbers of the system that this runs on.

use nix::sys::signal::Signal;

/// The name of a signal, as in `SIGKILL`; `None` for real-time signals and what is no signal.
///
/// ```
/// use svclient::signal_name;
///
/// assert_eq!(signal_name(15), Some("SIGTERM"));
/// ```
#[must_use]
pub fn signal_name(number: u8) -> Option<&'static str> {
    Signal::try_from(i32::from(number)).ok().map(Signal::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kill_is_nine_and_real_time_signals_have_no_name() {
        assert_eq!(signal_name(9), Some("SIGKILL"));
        assert_eq!([0, 40, 64, 127].map(signal_name), [None; 4]);
    }
}
