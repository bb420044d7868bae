//! File systems behind which a server or a program stands, so that they may not answer; and whether a path leads into
//! one, told without touching it: name by name, link by link.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    fs::File,
    io::Read,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

/// Where such file systems are mounted.
pub(super) struct Doubt {
    mounts: BTreeSet<PathBuf>,
    known: HashMap<PathBuf, Kind>,
}

/// What is at a path whose parts are no links.
enum Kind {
    Link(PathBuf),
    Nothing,
    Other,
}

/// A list of mounts that is longer is no such list.
const LONGEST: u64 = 16 << 20;

/// As many as the kernel follows.
const LINKS: usize = 40;

/// Servers on other machines and programs, by the kernel's names; whatever begins with `fuse.` as well.
const TYPES: [&[u8]; 17] = [
    b"fuse",
    b"fuseblk",
    b"nfs",
    b"nfs4",
    b"cifs",
    b"smb3",
    b"smbfs",
    b"9p",
    b"ceph",
    b"afs",
    b"autofs",
    b"virtiofs",
    b"lustre",
    b"gfs2",
    b"ocfs2",
    b"coda",
    b"orangefs",
];

/// Programs of every desktop and container, in whose file systems nobody keeps services.
const HARMLESS: [&[u8]; 3] = [b"fuse.gvfsd-fuse", b"fuse.portal", b"fuse.lxcfs"];

/// Nor there.
const ELSEWHERE: [&str; 3] = ["/proc", "/sys", "/dev"];

impl Doubt {
    /// `None` where there is no such file system, or where the system does not tell.
    pub(super) fn find() -> Option<Self> {
        let mut table = Vec::new();
        let file = File::open("/proc/self/mountinfo").ok()?;
        file.take(LONGEST).read_to_end(&mut table).ok()?;
        let mounts = mounts(&table);
        (!mounts.is_empty()).then(|| Self { mounts, known: HashMap::new() })
    }

    /// Whether a path leads into one of them. Nothing of it is touched that is behind.
    pub(super) fn leads_there(&mut self, path: &Path) -> bool {
        let Ok(path) = std::path::absolute(path) else { return false };
        let mut left = parts(&path);
        let (mut at, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = left.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            at.push(&part);
            if self.mounts.contains(&at) {
                return true;
            }
            match self.kind(&at) {
                Kind::Other => (),
                Kind::Nothing => return false,
                Kind::Link(target) => {
                    links += 1;
                    if links > LINKS {
                        return false;
                    }
                    left.extend(parts(target));
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    } else {
                        at.pop();
                    }
                }
            }
        }
        false
    }

    fn kind(&mut self, path: &Path) -> &Kind {
        self.known.entry(path.to_owned()).or_insert_with_key(|path| match path.read_link() {
            Ok(target) => Kind::Link(target),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => Kind::Other,
            // What may not be searched is not entered either.
            Err(_) => Kind::Nothing,
        })
    }
}

/// The names of a path, the last one first.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        _ => None,
    });
    names.collect()
}

/// Those of a list as the kernel writes it: see `proc_pid_mountinfo(5)`.
fn mounts(table: &[u8]) -> BTreeSet<PathBuf> {
    let mount = |line: &[u8]| {
        let mut words = line.split(|byte| *byte == b' ');
        let place = words.nth(4)?;
        let kind = words.skip_while(|word| *word != b"-").nth(1)?;
        let is_one = TYPES.contains(&kind) || kind.starts_with(b"fuse.");
        let place = PathBuf::from(OsString::from_vec(unescaped(place)));
        // Where all is behind it, svctl is as well.
        let is_meant = place != Path::new("/") && !ELSEWHERE.iter().any(|it| place.starts_with(it));
        (is_one && is_meant && !HARMLESS.contains(&kind)).then_some(place)
    };
    table.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

/// Blanks, line ends and backslashes are three digits of base eight there.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\');
        let number =
            digits.and_then(|it| u8::from_str_radix(OsStr::from_bytes(it).to_str()?, 8).ok());
        plain.push(number.unwrap_or(*first));
        rest = if number.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn file_systems_with_somebody_behind_them_are_known_by_their_types() {
        let table = b"22 1 8:1 / / rw - nfs4 server:/ rw\n\
            23 22 0:21 / /proc rw shared:5 - proc proc rw\n\
            24 23 0:22 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n\
            25 22 0:23 / /mnt/with\\040blank rw shared:1 master:2 - fuse.sshfs host: rw\n\
            26 22 0:24 / /run/user/7/doc rw - fuse.portal portal rw\n\
            27 22 0:25 / /srv rw - nfs server:/srv rw\n\
            28 22 0:26 / /fuse rw - tmpfs nfs rw\nnonsense\n";
        let expected = ["/mnt/with blank", "/srv"].map(PathBuf::from);
        assert_eq!(mounts(table), expected.into());
    }

    #[test]
    fn a_path_leads_into_one_by_its_names_and_by_links() {
        let tree = tempfile::tempdir().unwrap();
        let tree = tree.path().canonicalize().unwrap();
        let at = |name: &str| tree.join(name);
        for dir in ["mnt/web", "sv/plain", "service"] {
            fs::create_dir_all(at(dir)).unwrap();
        }
        symlink(at("mnt/web"), at("service/direct")).unwrap();
        symlink("../sv/relative", at("service/far")).unwrap();
        symlink("../mnt/../mnt/web", at("sv/relative")).unwrap();
        symlink("../sv/plain", at("service/plain")).unwrap();
        symlink("circle", at("service/circle")).unwrap();
        let mut doubt = Doubt { mounts: [at("mnt")].into(), known: HashMap::new() };
        for (name, leads) in [
            ("mnt", true),
            ("mnt/web", true),
            ("service/direct", true),
            ("service/far/supervise", true),
            ("service/plain", false),
            ("service/circle", false),
            ("service/absent/log", false),
            ("service/plain/../../mnt/x", true),
        ] {
            assert_eq!(doubt.leads_there(&at(name)), leads, "{name}");
        }
    }
}
