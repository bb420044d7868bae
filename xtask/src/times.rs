//! How long each part of a run took: said at its end, and kept for whoever runs several.

use std::{
    env, fmt,
    fs::File,
    io::Write as _,
    time::{Duration, Instant},
};

/// The file that a line is appended to, if it names one.
const FILE: &str = "XTASK_TIMES";

/// Parts and their times, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<(String, Duration)>);

impl Times {
    /// Does it, and notes how long that took. What has the same name is added up.
    pub(crate) fn of<T>(&mut self, part: &str, run: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = run();
        self.add(part, started.elapsed());
        done
    }

    pub(crate) fn add(&mut self, part: &str, took: Duration) {
        match self.0.iter_mut().find(|(name, _)| name == part) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((part.to_owned(), took)),
        }
    }

    /// Takes those of a part that went on beside.
    pub(crate) fn join(&mut self, part: Self) {
        for (name, took) in part.0 {
            self.add(&name, took);
        }
    }

    /// Appends them to the file that is named for it, if one is.
    pub(crate) fn keep(&self, task: &str) {
        let Some(path) = env::var_os(FILE) else { return };
        // Of use to a reader, and to nothing that goes on from here.
        let _unkept = File::options()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| writeln!(file, "{task}: {self}"));
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (part, took)) in self.0.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{part} {:.0} s", took.as_secs_f64())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_shown_in_their_order_and_those_of_one_name_are_one() {
        let mut times = Times::default();
        for (part, millis) in [("clippy", 1500), ("doc", 400), ("clippy", 700)] {
            times.add(part, Duration::from_millis(millis));
        }
        assert_eq!(times.of("last", || 7), 7);
        assert_eq!(times.to_string(), "clippy 2 s, doc 0 s, last 0 s");
    }
}
