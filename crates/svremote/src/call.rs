//! What is to be run on hosts, and within which bounds.

use std::{
    env, io,
    num::NonZeroUsize,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Program, script};

/// A command of `svctl` for other hosts.
///
/// ```
/// use svremote::Call;
///
/// assert!(Call::new(["status", "web", "--json"]).is_ok());
/// assert!(Call::new(["status", "a\nb"]).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) words: Vec<String>,
    pub(crate) wait: Option<String>,
    pub(crate) parallel: NonZeroUsize,
    pub(crate) patience: Duration,
    pub(crate) within: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) ssh: Option<PathBuf>,
    pub(crate) program: Option<Program>,
}

/// What cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A word that no login shell can be trusted with.
    #[error("cannot hand `{}` to another host: it has the end of a line", word.escape_default())]
    Word {
        /// The word.
        word: String,
    },
    /// There is no `ssh`.
    #[error("cannot find ssh in an absolute entry of PATH")]
    NoSsh,
    /// The system refused.
    #[error("cannot read what ssh prints")]
    Io(#[from] io::Error),
}

/// So many processes of `ssh` at a time.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(32).expect("it is not 0");

impl Call {
    /// The words after `svctl`.
    ///
    /// # Errors
    ///
    /// [`Error::Word`] for a word with the end of a line or a NUL in it.
    pub fn new<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        if let Some(word) = words.iter().find(|word| word.contains(['\n', '\0'])) {
            return Err(Error::Word { word: word.clone() });
        }
        let patience = Duration::from_secs(10);
        let (wait, within, idle, ssh, program) = (None, None, None, None, None);
        Ok(Self { words, wait, parallel: PARALLEL, patience, within, idle, ssh, program })
    }

    /// The same for other words.
    ///
    /// # Errors
    ///
    /// As [`Call::new`].
    pub fn for_words<S: Into<String>>(
        &self,
        words: impl IntoIterator<Item = S>,
    ) -> Result<Self, Error> {
        let words = Self::new(words)?.words;
        Ok(Self { words, ..self.clone() })
    }

    /// At most so many processes of `ssh` at a time; 32 without it.
    #[must_use]
    pub fn parallel(self, parallel: NonZeroUsize) -> Self {
        Self { parallel, ..self }
    }

    /// How long a host may take to be reached and to answer; ten seconds without it.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How long a host may take after its answer. Without it, for as long as it likes: what it prints is a stream, of
    /// which each line is bounded, and nobody keeps all of it.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { within: Some(time), ..self }
    }

    /// For how long a stream may be silent, while it is read.
    #[must_use]
    pub fn idle(self, time: Duration) -> Self {
        Self { idle: Some(time), ..self }
    }

    /// `SVWAIT` for the program there: the default of `--timeout`.
    #[must_use]
    pub fn wait(self, seconds: &str) -> Self {
        let is_number = seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        Self { wait: is_number.then(|| seconds.to_owned()), ..self }
    }

    /// Another program than the first `ssh` of an absolute entry of `PATH`.
    #[must_use]
    pub fn ssh(self, program: impl Into<PathBuf>) -> Self {
        Self { ssh: Some(program.into()), ..self }
    }

    /// Brings this program to hosts that do not have it yet, and runs it there.
    #[must_use]
    pub fn pushing(self, program: Program) -> Self {
        Self { program: Some(program), ..self }
    }

    pub(crate) fn script(&self) -> String {
        let wait = self.wait.as_deref();
        match &self.program {
            Some(program) => script::script(&program.place(), &self.words, wait),
            None => script::script("svctl", &self.words, wait),
        }
    }
}

/// A relative entry would be whatever lies in the current directory.
pub(crate) fn found() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let entries = env::split_paths(&path).filter(|entry| entry.is_absolute());
    entries.map(|entry| entry.join("ssh")).find(|program| is_program(program))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let is_whole = !path.as_os_str().as_bytes().is_empty();
    is_whole && path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}
