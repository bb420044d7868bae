//! References to variables: where they may stand, and that they are some.

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use super::Check;
use crate::spec::{Service, Stream, Word};

impl Service {
    /// Whether a path begins with a variable, so that it is known only at each start.
    pub(super) fn expands_path(&self, path: Option<&Path>) -> bool {
        let begins = |path: &Path| path.as_os_str().as_bytes().starts_with(b"${");
        self.expand == Some(true) && path.is_some_and(begins)
    }
}

impl Check<'_> {
    pub(super) fn expand(&mut self, service: &Service) {
        if service.expand != Some(true) {
            return;
        }
        self.that(service.root.is_none(), "expand", || {
            "cannot be beside `root`, below which there may be no shell that replaces anything"
                .into()
        });
        self.words("exec", &service.exec);
        for (name, value) in &service.env {
            self.words(&format!("env.{name}"), std::slice::from_ref(value));
        }
        let cwd = service.cwd.clone().map(Word::from);
        self.words("cwd", cwd.as_slice());
        let streams =
            [("stdin", &service.stdin), ("stdout", &service.stdout), ("stderr", &service.stderr)];
        let streams = streams.into_iter().filter_map(|(key, stream)| match stream {
            Some(Stream::File(path)) => Some((key, path.as_path())),
            _ => None,
        });
        let files = service.env_file.iter().map(|file| ("env_file", file.path.as_path()));
        let log = service.log.as_ref().and_then(|log| log.dir.as_deref());
        let others = [("env_dir", service.env_dir.as_deref()), ("log.dir", log)];
        let others = others.into_iter().filter_map(|(key, path)| Some((key, path?)));
        for (key, path) in streams.chain(files).chain(others) {
            let has = path.as_os_str().as_bytes().windows(2).any(|pair| pair == b"${");
            self.that(!has, key, || {
                "has `${`, which is replaced in `exec`, `env` and `cwd` alone: this path is needed \
                 before there are variables"
                    .into()
            });
        }
    }

    fn words(&mut self, key: &str, words: &[Word]) {
        // Once for each list, which has one place.
        let wrong = words.iter().find_map(|word| word.parts().err());
        self.that(wrong.is_none(), key, || wrong.unwrap_or_default().into());
    }
}
