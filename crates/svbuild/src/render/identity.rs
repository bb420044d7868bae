//! Who a program runs as, by the programs of each suite.
//!
//! | wanted                | runit                     | daemontools            | s6                              |
//! |-----------------------|---------------------------|------------------------|---------------------------------|
//! | a user by name        | `chpst -u user`           | `setuidgid user`       | `s6-envuidgid`, `s6-applyuidgid` |
//! | and a group, groups   | `chpst -u user:g:g`       | `chroot --userspec` of coreutils, to `/` | the same       |
//! | numbers               | `chpst -u :uid:gid:gid`   | the same               | `s6-applyuidgid -u -g -G`       |
//!
//! `setuidgid` and `chpst -u user` drop supplementary groups; `s6-setuidgid user` would take those
//! of the database, so it is not used.

use std::path::Path;

use crate::{
    script::{Arg, Step, argv},
    spec::{Id, Service},
};

/// What a program is told of its user.
pub(super) const HOME: [&str; 3] = ["HOME", "LOGNAME", "USER"];

/// User, group and groups.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity<'a> {
    pub(super) user: Option<&'a Id>,
    pub(super) group: Option<&'a Id>,
    pub(super) groups: &'a [Id],
}

impl<'a> Identity<'a> {
    pub(super) fn of(service: &'a Service) -> Self {
        let Service { user, group, groups, .. } = service;
        Self { user: user.as_ref(), group: group.as_ref(), groups }
    }

    /// The variables that tell a program whose process it is, as systemd sets them: those of a user
    /// by name are looked up, and a number, which is not, has none.
    pub(super) fn home(&self) -> Option<Step> {
        Some(match self.user? {
            Id::Name(name) => Step::Home(name.clone()),
            Id::Number(_) => Step::Unset(&HOME),
        })
    }

    /// The value of `chpst -u`.
    pub(super) fn chpst(&self) -> Option<String> {
        let user = self.user?;
        // A leading colon: numbers, not names.
        let mut text = if matches!(user, Id::Number(_)) { ":".to_owned() } else { String::new() };
        text.push_str(&user.to_string());
        for group in self.group.into_iter().chain(self.groups) {
            text.push_str(&format!(":{group}"));
        }
        Some(text)
    }

    /// Steps with `setuidgid` where that will do, else with coreutils' `chroot`.
    pub(super) fn setuidgid(&self) -> Vec<Step> {
        match (self.user, self.group) {
            (None, _) => Vec::new(),
            (Some(Id::Name(user)), None) => vec![Step::Chain(argv!["setuidgid", user.as_str()])],
            _ => vec![self.chroot(Path::new("/"))],
        }
    }

    /// Changes the root directory, and the identity if there is one. To `/`, the working directory
    /// stays.
    pub(super) fn chroot(&self, root: &Path) -> Step {
        use std::os::unix::ffi::OsStrExt as _;
        let mut words = argv!["chroot"];
        if root == Path::new("/") {
            words.push("--skip-chdir".into());
        }
        if let Some(user) = self.user {
            let group = self.group.map(spelled).unwrap_or_default();
            let groups: Vec<_> = self.groups.iter().map(spelled).collect();
            // With nothing after the colon it is the user's own group.
            words.push(format!("--userspec={}:{group}", spelled(user)).into());
            words.push(format!("--groups={}", groups.join(",")).into());
        }
        words.push("--".into());
        words.push(Arg::from(root.as_os_str().as_bytes()));
        Step::Chain(words)
    }

    /// Steps with s6's programs.
    pub(super) fn s6(&self) -> Vec<Step> {
        let list = |ids: &[Id]| ids.iter().map(Id::to_string).collect::<Vec<_>>().join(",");
        match (self.user, self.group) {
            (None, _) => Vec::new(),
            (Some(Id::Number(uid)), group) => {
                let gid = group.map(Id::to_string).unwrap_or_default();
                let groups = list(self.groups);
                let words =
                    argv!["s6-applyuidgid", "-u", uid.to_string(), "-g", gid, "-G", groups, "--"];
                vec![Step::Chain(words)]
            }
            (Some(Id::Name(user)), None) => vec![
                Step::Chain(argv!["s6-envuidgid", "--", user.as_str()]),
                Step::Chain(argv!["s6-applyuidgid", "-U", "-z", "-G", "", "--"]),
            ],
            (Some(Id::Name(user)), Some(group)) => {
                let groups = self.groups.iter().map(Id::to_string).collect::<Vec<_>>();
                let first = if groups.is_empty() {
                    Step::Export("GIDLIST".into(), Vec::new())
                } else {
                    Step::GidList(groups)
                };
                vec![
                    first,
                    Step::Chain(argv!["s6-envuidgid", "-u", "--", user.as_str()]),
                    Step::Chain(argv!["s6-envuidgid", "-g", "--", group.to_string()]),
                    Step::Chain(argv!["s6-applyuidgid", "-U", "-z", "--"]),
                ]
            }
        }
    }
}

/// For `chroot`: a number is marked as one, so that no user of that name is meant.
fn spelled(id: &Id) -> String {
    match id {
        Id::Name(name) => name.clone(),
        Id::Number(number) => format!("+{number}"),
    }
}
