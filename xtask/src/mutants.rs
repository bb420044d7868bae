//! `cargo xtask mutants`: changes the code in small ways, one at a time, and counts the changes that no test notices.
//!
//! cargo-mutants makes the changes, in a copy of the workspace. The figures and every change that survived are in
//! `docs/mutants.md`, each with a reason that a person wrote; a part that has a survivor without one has failed.

mod page;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use crate::{command, failure::Failure, toolchain, workspace::Workspace};

/// So many in a thousand of the changes that compile may survive.
const MAY_SURVIVE: usize = 30;

/// What is changed, and the tests that are to notice it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// svproto: whether a wait is over, and what has changed
    Goals,
    /// svproto: records, requests, detection, and all else but times
    Records,
    /// svproto: moments, stamps, labels
    Times,
    /// What a wait of svclient comes to, by its unit tests
    Waits,
    /// What svbuild quotes, by its unit tests and the real readers
    Quoting,
    /// What svsystemd makes of a unit's properties, by its unit tests
    Map,
}

/// Where a part is, and how it is tested: by the unit tests, and what they do not notice by more.
struct Means {
    package: &'static str,
    files: &'static [&'static str],
    but: &'static [&'static str],
    more: &'static [&'static str],
}

/// What needs no supervisor.
const OF_SVPROTO: &[&str] =
    &["--test=corpus", "--test=detection", "--test=matrix", "--test=properties", "--test=serde"];

impl Part {
    const ALL: [Self; 6] =
        [Self::Goals, Self::Records, Self::Times, Self::Waits, Self::Quoting, Self::Map];

    const fn name(self) -> &'static str {
        match self {
            Self::Goals => "goals",
            Self::Records => "records",
            Self::Times => "times",
            Self::Waits => "waits",
            Self::Quoting => "quoting",
            Self::Map => "map",
        }
    }

    const fn means(self) -> Means {
        match self {
            Self::Goals => Means {
                package: "svproto",
                files: &["crates/svproto/src/goal.rs", "crates/svproto/src/goal/**", "**/track.rs"],
                but: &[],
                more: OF_SVPROTO,
            },
            Self::Records => Means {
                package: "svproto",
                files: &["crates/svproto/src/**"],
                but: &[
                    "**/goal.rs",
                    "**/goal/**",
                    "**/track.rs",
                    "**/tai.rs",
                    "**/tai/**",
                    "**/stamp.rs",
                ],
                more: OF_SVPROTO,
            },
            Self::Times => Means {
                package: "svproto",
                files: &["**/tai.rs", "**/tai/**", "**/stamp.rs"],
                but: &[],
                more: OF_SVPROTO,
            },
            Self::Waits => Means {
                package: "svclient",
                files: &["crates/svclient/src/pursue/wait.rs"],
                but: &[],
                more: &[],
            },
            Self::Quoting => Means {
                package: "svbuild",
                files: &["crates/svbuild/src/quote/**", "crates/svbuild/src/quote.rs"],
                but: &[],
                more: &["--test=quoting", "--test=systemd"],
            },
            Self::Map => Means {
                package: "svsystemd",
                files: &["crates/svsystemd/src/map.rs"],
                but: &[],
                more: &[],
            },
        }
    }
}

/// What became of the changes of one part.
struct Figures {
    caught: usize,
    /// The tests did not end: noticed as well.
    timed_out: usize,
    /// They do not compile.
    unviable: usize,
    survived: Vec<String>,
}

impl Figures {
    fn viable(&self) -> usize {
        self.caught + self.timed_out + self.survived.len()
    }

    fn survive_too_many(&self) -> bool {
        self.survived.len() * 1000 >= self.viable() * MAY_SURVIVE && !self.survived.is_empty()
    }
}

/// The task.
///
/// # Errors
///
/// cargo-mutants cannot be built or run; more than 3 % of the changes of a part survived, or one for which the page
/// has no reason.
pub(crate) fn run(parts: &[Part]) -> Result<(), Failure> {
    let parts = if parts.is_empty() { &Part::ALL[..] } else { parts };
    let mut good = true;
    for &part in parts {
        let figures = change(part)?;
        let without_reason = page::put(part.name(), &figures)?;
        println!(
            "mutants: {}: {} of {} survived, {} of these without a reason",
            part.name(),
            figures.survived.len(),
            figures.viable(),
            without_reason.len(),
        );
        for survivor in &without_reason {
            println!("  {survivor}");
        }
        good &= without_reason.is_empty() && !figures.survive_too_many();
    }
    if good { Ok(()) } else { Err(Failure::Told) }
}

fn change(part: Part) -> Result<Figures, Failure> {
    let target = Workspace::load()?.target;
    let output = target.join("mutants").join(part.name());
    // What an earlier run has left would count as done.
    match fs::remove_dir_all(&output) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure::cannot(format!("remove {}", output.display()), why));
        }
        _ => fs::create_dir_all(&output).map_err(|why| Failure::cannot("make a directory", why))?,
    }
    let program = toolchain::tool("cargo-mutants")?;
    let more = part.means().more;
    let mut figures = pass(part, &program, &target, &output, &["--lib"])?;
    if !more.is_empty() && !figures.survived.is_empty() {
        let second = pass(part, &program, &target, &output, more)?;
        figures.caught += second.caught;
        figures.timed_out += second.timed_out;
        figures.survived = second.survived;
    }
    Ok(figures)
}

/// All changes that no earlier pass has noticed, by these tests.
fn pass(
    part: Part,
    program: &Path,
    target: &Path,
    output: &Path,
    tests: &[&str],
) -> Result<Figures, Failure> {
    let means = part.means();
    let mut mutants = std::process::Command::new(program);
    mutants.arg("mutants").current_dir(command::root());
    mutants.args(["--package", means.package, "--all-features", "--no-shuffle", "--iterate"]);
    // Each copy of the workspace is at a new place; what it depends on is built once for all of them.
    mutants.env("CARGO_TARGET_DIR", target.join("mutants/target"));
    mutants.env("CARGO_PROFILE_DEV_DEBUG", "0");
    mutants.arg("--output").arg(output);
    mutants.args(means.files.iter().flat_map(|it| ["--file", it]));
    mutants.args(means.but.iter().flat_map(|it| ["--exclude", it]));
    mutants.args(tests.iter().map(|it| format!("--cargo-arg={it}")));
    let status = command::stream(&mut mutants, |_| ())?;
    // 2: some survived. 3: the tests of some did not end.
    if !matches!(status.code(), Some(0 | 2 | 3)) {
        return Err(Failure::Told);
    }
    read(&output.join("mutants.out"))
}

/// What cargo-mutants leaves: a list for each outcome.
fn read(dir: &Path) -> Result<Figures, Failure> {
    let lines = |name: &str| {
        let path: PathBuf = dir.join(name);
        let text = fs::read_to_string(&path)
            .map_err(|why| Failure::cannot(format!("read {}", path.display()), why))?;
        Ok(text.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    Ok(Figures {
        caught: lines("caught.txt")?.len(),
        timed_out: lines("timeout.txt")?.len(),
        unviable: lines("unviable.txt")?.len(),
        survived: lines("missed.txt")?.iter().map(|line| without_place(line)).collect(),
    })
}

/// `FILE:LINE:COLUMN: CHANGE` without the numbers, which move with every line that is written above.
fn without_place(line: &str) -> String {
    let mut parts = line.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(change)) => format!("{file}:{change}"),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_known_without_its_line() {
        let line = "crates/svproto/src/goal.rs:12:9: replace a::b -> bool with true";
        assert_eq!(
            without_place(line),
            "crates/svproto/src/goal.rs: replace a::b -> bool with true"
        );
        assert_eq!(without_place("no place"), "no place");
    }

    #[test]
    fn three_in_a_hundred_are_too_many() {
        let figures = |caught, survived| Figures {
            caught,
            timed_out: 0,
            unviable: 5,
            survived: vec![String::new(); survived],
        };
        assert!(!figures(0, 0).survive_too_many());
        assert!(!figures(98, 2).survive_too_many());
        assert!(figures(97, 3).survive_too_many());
    }
}
