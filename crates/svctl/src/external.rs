//! A word that is no command runs the program `svctl-WORD` from PATH, as git and cargo do.
//!
//! Only absolute entries of PATH count. As root a program is taken only from where nobody else can
//! put one: its directory, after links, and all above it belong to root and are closed to others.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use nix::unistd::Uid;

use crate::{exit::Exit, output};

/// Becomes the program for the first word after `svctl`. Returns only without one: `None` where
/// nothing of that name is there, which leaves the word to the parser's message.
pub(crate) fn run(words: impl IntoIterator<Item = OsString>) -> Option<Exit> {
    let mut words = words.into_iter().skip(1);
    let word = words.next()?;
    let is_name =
        !word.is_empty() && !word.as_bytes().starts_with(b"-") && !word.as_bytes().contains(&b'/');
    let name = is_name.then(|| [OsStr::new("svctl-"), &word].into_iter().collect::<OsString>())?;
    let path = env::var_os("PATH")?;
    let (program, refused) = find(&name, &path, Uid::effective().is_root());
    let Some(program) = program else {
        let (place, why) = refused?;
        complain(&format!("{} is not run as root: {why}", place.display()));
        return Some(Exit::System);
    };
    let error = Command::new(&program).args(words).exec();
    complain(&format!("cannot execute {}: {error}", program.display()));
    Some(Exit::System)
}

fn complain(line: &str) {
    output::complain(&output::printable(line));
}

/// The first program of that name that may be run, and the first that may not, with why.
fn find(name: &OsStr, path: &OsStr, is_root: bool) -> (Option<PathBuf>, Option<(PathBuf, String)>) {
    let mut refused = None;
    for entry in env::split_paths(path).filter(|entry| entry.is_absolute()) {
        let program = entry.join(name);
        let is_program =
            |data: fs::Metadata| data.is_file() && data.permissions().mode() & 0o111 != 0;
        if !program.metadata().is_ok_and(is_program) {
            continue;
        }
        match if is_root { only_of_root(&program) } else { Ok(()) } {
            Ok(()) => return (Some(program), refused),
            Err(why) => refused = refused.or(Some((program, why))),
        }
    }
    (None, refused)
}

/// Whether nobody but root can put another program in this place: asked of each directory in which
/// the program or a link to it stands, of all above, and of the file. For root only.
fn only_of_root(program: &Path) -> Result<(), String> {
    let mut program = program.to_owned();
    for _ in 0..MOST_LINKS {
        let (Some(above), Some(name)) = (program.parent(), program.file_name()) else { break };
        let walked = svtrust::walk(above).map_err(|error| error.to_string())?;
        let others = svtrust::Caller::now().distrusts(&walked.dir, &walked.path, false);
        if let Some(why) = others.map_err(|error| format!("{}: {error}", above.display()))? {
            return Err(format!("{}: {why}", above.display()));
        }
        let place = walked.path.join(name);
        let fail = |error: io::Error| format!("{}: {error}", place.display());
        let data = place.symlink_metadata().map_err(fail)?;
        if data.uid() != 0 {
            return Err(format!("{} belongs to user {}", place.display(), data.uid()));
        }
        if data.is_symlink() {
            program = walked.path.join(fs::read_link(&place).map_err(fail)?);
            continue;
        }
        return if data.mode() & 0o022 == 0 {
            Ok(())
        } else {
            Err(format!("others than root may write to {}", place.display()))
        };
    }
    Err(format!("{} leads nowhere", program.display()))
}

const MOST_LINKS: u32 = 40;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn program(dir: &Path, mode: u32) -> PathBuf {
        fs::create_dir_all(dir).unwrap();
        let path = dir.join("svctl-hello");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn found(dirs: &[&Path], is_root: bool) -> (Option<PathBuf>, Option<String>) {
        let path = env::join_paths(dirs).unwrap();
        let (program, refused) = find(OsStr::new("svctl-hello"), &path, is_root);
        (program, refused.map(|(_, why)| why))
    }

    #[test]
    fn the_first_that_can_be_executed_is_taken() {
        let tree = tempfile::tempdir().unwrap();
        let [data, first, second] = ["data", "first", "second"].map(|it| tree.path().join(it));
        program(&data, 0o644);
        fs::create_dir(tree.path().join("dir")).unwrap();
        fs::create_dir(tree.path().join("dir/svctl-hello")).unwrap();
        let (wanted, _) = (program(&first, 0o755), program(&second, 0o755));
        let dirs = [&*tree.path().join("dir"), &data, &first, &second];
        assert_eq!(found(&dirs, false).0, Some(wanted));
        assert_eq!(found(&[&data], false), (None, None));
    }

    #[test]
    fn an_entry_that_is_not_absolute_does_not_count() {
        let tree = tempfile::tempdir().unwrap();
        program(tree.path(), 0o755);
        // Whatever the working directory is.
        let up = "../".repeat(64) + tree.path().to_str().unwrap().trim_start_matches('/');
        assert!(Path::new(&up).join("svctl-hello").exists());
        assert_eq!(found(&[Path::new(&up), Path::new("")], false), (None, None));
    }

    #[test]
    fn root_takes_nothing_from_where_others_may_write() {
        let tree = tempfile::tempdir().unwrap();
        if tree.path().metadata().unwrap().uid() != 0 {
            // Then nothing here is root's.
            return;
        }
        let [safe, open, link] = ["safe", "open", "link"].map(|it| tree.path().join(it));
        let kept = program(&safe, 0o755);
        program(&open, 0o755);
        assert_eq!(found(&[&safe], true), (Some(kept.clone()), None));
        for mode in [0o777, 0o775, 0o1777] {
            fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
            let (program, why) = found(&[&open, &safe], true);
            assert_eq!(program, Some(kept.clone()), "{mode:o}");
            assert!(why.unwrap().contains("may write"), "{mode:o}");
        }
        // A directory of root's in one that is open; a link out of one that is not; an open file.
        program(&open.join("bin"), 0o755);
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(found(&[&open.join("bin")], true).0, None);
        fs::create_dir(&link).unwrap();
        symlink(open.join("svctl-hello"), link.join("svctl-hello")).unwrap();
        assert_eq!(found(&[&link], true).0, None);
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o757)).unwrap();
        assert_eq!(found(&[&safe], true).0, None);
        // A user takes them: what is on PATH is that user's own affair.
        assert_eq!(found(&[&safe], false).0, Some(kept));
    }
}
