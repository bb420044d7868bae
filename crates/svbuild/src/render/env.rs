//! How variables reach a program that a chain of other programs starts.
//!
//! Most go by way of a directory `env`, which only the owner may read. What its readers would
//! change is exported by the script. What would change the programs of the chain themselves
//! (`PATH`, `LD_PRELOAD`), or a shell, comes last, right before the program.

use std::collections::BTreeMap;

use crate::{
    quote::envdir,
    script::{Arg, Step, argv, is_listened_to},
    spec::{Service, Word},
};

/// The variables of a service, by the way they take.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    /// Files of the directory `env`.
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// By the script.
    pub(super) exports: Vec<Step>,
    /// By `env`, right before the program.
    pub(super) last: Vec<(String, Word)>,
    /// Whether files of variables are read, which may have some for `env` as well.
    pub(super) from_files: bool,
}

/// Who carries most of the variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// A directory, read by a program that other programs of the chain follow.
    Directory,
    /// A directory, read by the last program of the chain.
    DirectoryLast,
    /// The script.
    Script,
}

pub(super) fn variables(service: &Service, carrier: Carrier) -> Variables {
    let from_files = !service.env_file.is_empty();
    let mut variables = Variables { from_files, ..Variables::default() };
    // What files say wins over them, so no program of the chain may set them later.
    let carrier = if from_files { Carrier::Script } else { carrier };
    for (name, value) in &service.env {
        let content = envdir::content(value.as_bytes()).ok();
        let listened_to = is_listened_to(name);
        match content {
            // They win over `env_dir`, which the last reader of a directory reads.
            _ if service.env_dir.is_some() => variables.last.push((name.clone(), value.clone())),
            Some(content) if carrier == Carrier::DirectoryLast => {
                variables.files.insert(name.clone(), content);
            }
            _ if listened_to => variables.last.push((name.clone(), value.clone())),
            Some(content) if carrier == Carrier::Directory => {
                variables.files.insert(name.clone(), content);
            }
            _ => variables.exports.push(Step::Export(name.clone(), value.as_bytes().to_vec())),
        }
    }
    if from_files {
        variables.exports.push(Step::EnvFiles(service.env_file.clone()));
    }
    variables
}

impl Variables {
    /// Whether the script holds values, so that not everybody may read it.
    pub(super) fn are_in_script(&self) -> bool {
        let value = |step: &Step| matches!(step, Step::Export(..));
        self.exports.iter().any(value) || !self.last.is_empty()
    }

    /// The step before the program, if one is needed.
    pub(super) fn last_step(&self) -> Option<Step> {
        if self.last.is_empty() && !self.from_files {
            return None;
        }
        let assignment = |(name, value): &(String, Word)| {
            Arg::Word([name.as_bytes(), b"=", value.as_bytes()].concat())
        };
        let mut words = argv!["env", "--"];
        words.extend(self.last.iter().map(assignment));
        words.extend(self.from_files.then_some(Arg::FromFiles));
        Some(Step::Chain(words))
    }

    /// The step that reads a directory, by this program.
    pub(super) fn directory(&self, service: &Service, program: &[&str]) -> Option<Step> {
        let mut words: Vec<Arg> = program.iter().map(|word| Arg::from(*word)).collect();
        words.push(self.place(service)?);
        Some(Step::Chain(words))
    }

    /// The directory that is read.
    pub(super) fn place(&self, service: &Service) -> Option<Arg> {
        use std::os::unix::ffi::OsStrExt as _;
        match &service.env_dir {
            Some(dir) => Some(Arg::from(dir.as_os_str().as_bytes())),
            None => (!self.files.is_empty()).then_some(Arg::Env),
        }
    }
}
