//! Which hosts are meant: names, groups of a file, patterns over what that file and `ssh`'s configuration name.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use glob::Pattern;

use crate::{BadHost, Host};

/// Groups of hosts, and names that patterns are matched against.
///
/// ```
/// use svremote::Hosts;
///
/// let hosts = Hosts::parse("[web]\nweb1\nweb2\n[all:children]\nweb\ndb\n[db]\ndb1 # the old one\n")?;
/// let names = |words| hosts.find(words).map(|found| found.iter().map(|it| it.to_string()).collect::<Vec<_>>());
/// assert_eq!(names("@web")?, ["web1", "web2"]);
/// assert_eq!(names("db1,@all")?, ["db1", "web1", "web2"]);
/// assert_eq!(names("web*")?, ["web1", "web2"]);
/// # Ok::<(), svremote::HostsError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    groups: BTreeMap<String, Vec<Member>>,
    /// Aliases of `ssh`'s configuration.
    aliases: BTreeSet<String>,
}

#[derive(Clone, Debug)]
enum Member {
    Host(Host),
    Group(String),
}

/// What is wrong with a list of hosts, or with the file of groups.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostsError {
    /// A name that is none.
    #[error(transparent)]
    Host(#[from] BadHost),
    /// No such group.
    #[error("no group of hosts is called `{}`", name.escape_default())]
    NoGroup {
        /// Its name.
        name: String,
    },
    /// A pattern that fits no host that is known.
    #[error("no known host fits `{}`", pattern.escape_default())]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// Nothing was named.
    #[error("no host is named")]
    Nothing,
    /// A line of the file of groups that cannot be understood.
    #[error("cannot understand line {line} of the groups of hosts: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The file of groups cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// No file of groups is larger.
const LIMIT: u64 = 1024 * 1024;
/// Files of `ssh`'s configuration include each other no deeper.
const DEPTH: usize = 8;

impl Hosts {
    /// Those of this user: the file that `$SVCTL_HOSTS` names, else `svctl/hosts` in the user's directory of
    /// configuration (`$XDG_CONFIG_HOME`, `~/.config`), else `/etc/svctl/hosts`; and the aliases of `~/.ssh/config`.
    ///
    /// # Errors
    ///
    /// [`HostsError::Line`] and [`HostsError::Io`]. That there is no file is none, unless the variable names it.
    pub fn of_user() -> Result<Self, HostsError> {
        let home = env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        let named = env::var_os("SVCTL_HOSTS").map(PathBuf::from);
        let usual = || {
            let of_user = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
            let of_user = of_user.filter(|it| it.is_absolute());
            let of_user = of_user.or_else(|| Some(home.as_ref()?.join(".config")));
            let places = of_user.into_iter().chain([PathBuf::from("/etc")]);
            places.map(|place| place.join("svctl/hosts")).find(|place| place.exists())
        };
        let file = named.or_else(usual);
        let mut hosts = file.map_or_else(|| Ok(Self::default()), |file| Self::read(&file))?;
        if let Some(home) = home {
            aliases(&home.join(".ssh/config"), &home.join(".ssh"), DEPTH, &mut hosts.aliases);
        }
        Ok(hosts)
    }

    /// Those of a file.
    ///
    /// # Errors
    ///
    /// [`HostsError::Line`] and [`HostsError::Io`].
    pub fn read(path: &Path) -> Result<Self, HostsError> {
        let failed = |source| HostsError::Io { path: path.to_owned(), source };
        let mut text = String::new();
        let file = fs::File::open(path).map_err(failed)?;
        file.take(LIMIT).read_to_string(&mut text).map_err(failed)?;
        Self::parse(&text)
    }

    /// Groups as an inventory of Ansible names them: `[GROUP]`, then a host in each line; after
    /// `[GROUP:children]`, other groups. `#` and `;` begin comments.
    ///
    /// # Errors
    ///
    /// [`HostsError::Line`]: variables of hosts and ranges are refused, not passed over.
    pub fn parse(text: &str) -> Result<Self, HostsError> {
        let mut hosts = Self::default();
        let mut group = ("ungrouped".to_owned(), "");
        for (at, line) in text.lines().enumerate() {
            let wrong = |why: &str| HostsError::Line { line: at + 1, why: why.to_owned() };
            let line = line.split(['#', ';']).next().unwrap_or_default().trim();
            if let Some(head) = line.strip_prefix('[') {
                let head = head.strip_suffix(']').ok_or_else(|| wrong("`]` is missing"))?;
                let (name, kind) = head.split_once(':').unwrap_or((head, ""));
                group = (
                    name.to_owned(),
                    match kind {
                        "" => "",
                        "children" => "children",
                        _ => return Err(wrong("only [GROUP] and [GROUP:children] are known here")),
                    },
                );
                hosts.groups.entry(group.0.clone()).or_default();
            } else if !line.is_empty() {
                let mut words = line.split_whitespace();
                let (Some(word), None) = (words.next(), words.next()) else {
                    return Err(wrong(
                        "one host in a line, and nothing after it; the rest is for ~/.ssh/config",
                    ));
                };
                let member = match group.1 {
                    "children" => Member::Group(word.to_owned()),
                    _ => {
                        Member::Host(word.parse().map_err(|why: BadHost| wrong(&why.to_string()))?)
                    }
                };
                hosts.groups.entry(group.0.clone()).or_default().push(member);
            }
        }
        Ok(hosts)
    }

    /// The hosts of a list with commas: names, `@GROUP`, patterns with `*` and `?`. Each once, in the order in which
    /// they are named first.
    ///
    /// # Errors
    ///
    /// [`HostsError`] for the first part of the list that names nothing.
    pub fn find(&self, words: &str) -> Result<Vec<Host>, HostsError> {
        let mut found = Vec::new();
        for word in words.split(',').filter(|word| !word.is_empty()) {
            if let Some(name) = word.strip_prefix('@') {
                self.add_group(name, &mut found, &mut BTreeSet::new())?;
            } else if word.contains(['*', '?']) {
                self.add_pattern(word, &mut found)?;
            } else {
                add(&mut found, word.parse()?);
            }
        }
        if found.is_empty() { Err(HostsError::Nothing) } else { Ok(found) }
    }

    fn add_group(
        &self,
        name: &str,
        found: &mut Vec<Host>,
        seen: &mut BTreeSet<String>,
    ) -> Result<(), HostsError> {
        let members = self.groups.get(name);
        let members = members.ok_or_else(|| HostsError::NoGroup { name: name.to_owned() })?;
        // A group that has itself in it adds nothing more.
        if !seen.insert(name.to_owned()) {
            return Ok(());
        }
        for member in members {
            match member {
                Member::Host(host) => add(found, host.clone()),
                Member::Group(name) => self.add_group(name, found, seen)?,
            }
        }
        Ok(())
    }

    fn add_pattern(&self, word: &str, found: &mut Vec<Host>) -> Result<(), HostsError> {
        let none = || HostsError::NoMatch { pattern: word.to_owned() };
        let pattern = Pattern::new(word).map_err(|_| none())?;
        let of_groups = self.groups.values().flatten().filter_map(|member| match member {
            Member::Host(host) => Some(host.as_str()),
            Member::Group(_) => None,
        });
        let all: BTreeSet<&str> =
            of_groups.chain(self.aliases.iter().map(String::as_str)).collect();
        let before = found.len();
        let mut any = false;
        for name in all.into_iter().filter(|name| pattern.matches(name)) {
            // An alias that is no name of a host cannot be called by it.
            if let Ok(host) = name.parse() {
                any = true;
                add(found, host);
            }
        }
        if any || found.len() > before { Ok(()) } else { Err(none()) }
    }
}

fn add(found: &mut Vec<Host>, host: Host) {
    if !found.contains(&host) {
        found.push(host);
    }
}

/// The names that `Host` of a file of `ssh`'s configuration gives, patterns left out, and those of what it includes.
fn aliases(path: &Path, dir: &Path, depth: usize, found: &mut BTreeSet<String>) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(LIMIT).read_to_string(&mut text));
    if read.is_err() {
        return;
    }
    for line in text.lines() {
        let line = line.trim();
        let (word, rest) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
        let values =
            rest.split([' ', '\t', '=']).map(|it| it.trim_matches('"')).filter(|it| !it.is_empty());
        match &*word.to_ascii_lowercase() {
            "host" => {
                found.extend(values.filter(|it| !it.contains(['*', '?', '!'])).map(str::to_owned));
            }
            "include" => {
                for value in values {
                    let value = value.strip_prefix("~/.ssh/").unwrap_or(value);
                    let pattern = dir.join(value);
                    let files = pattern.to_str().and_then(|it| glob::glob(it).ok());
                    for file in files.into_iter().flatten().flatten() {
                        aliases(&file, dir, depth, found);
                    }
                }
            }
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &Hosts, words: &str) -> Vec<String> {
        hosts.find(words).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn groups_may_hold_each_other_and_each_host_comes_once() {
        let hosts =
            Hosts::parse("alone\n[a]\nx\n[a:children]\nb\n[b]\ny\nx\n[b:children]\na\n").unwrap();
        assert_eq!(names(&hosts, "@a"), ["x", "y"]);
        assert_eq!(names(&hosts, "y,@b,alone,"), ["y", "x", "alone"]);
        assert_eq!(names(&hosts, "?"), ["x", "y"]);
        assert_eq!(names(&hosts, "@ungrouped"), ["alone"]);
    }

    #[test]
    fn what_is_not_understood_is_told_by_its_line() {
        for (text, line) in
            [("a\nb c=1\n", 2), ("[a\n", 1), ("\n[a:vars]\n", 2), ("-v\n", 1), ("web[01:20]\n", 1)]
        {
            let told = Hosts::parse(text).unwrap_err();
            assert!(
                matches!(told, HostsError::Line { line: at, .. } if at == line),
                "{text:?}: {told}"
            );
        }
        let hosts = Hosts::default();
        for words in ["@no", "w*", "", ",", "-v", "a,b c"] {
            assert!(hosts.find(words).is_err(), "{words}");
        }
    }

    #[test]
    fn patterns_know_the_aliases_of_ssh() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config");
        fs::create_dir(dir.path().join("conf.d")).unwrap();
        fs::write(
            &config,
            "Include conf.d/*\nHost web1 web2 *.example !x\n  User a\nHost=\"db1\"\nHost -v\n",
        )
        .unwrap();
        // It includes the first one, which ends all the same.
        fs::write(dir.path().join("conf.d/more"), "host web3\nInclude config\n").unwrap();
        let mut hosts = Hosts::default();
        aliases(&config, dir.path(), DEPTH, &mut hosts.aliases);
        assert_eq!(names(&hosts, "web*"), ["web1", "web2", "web3"]);
        assert_eq!(names(&hosts, "*"), ["db1", "web1", "web2", "web3"]);
    }
}
