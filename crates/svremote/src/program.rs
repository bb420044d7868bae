//! The program that is brought to hosts: a static one, named by its checksum, in the user's cache there.

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::script::in_single_quotes;

/// A static program of this machine, for hosts that have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    /// In hexadecimal digits.
    sum: String,
    machine: &'static Machine,
}

/// Why a file cannot be brought to other hosts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadProgram {
    /// It needs libraries, which a host need not have.
    #[error("cannot copy {} to other hosts: it is not static", path.display())]
    Dynamic {
        /// The file.
        path: PathBuf,
    },
    /// It is no program of Linux for a processor that is known here.
    #[error("cannot copy {} to other hosts: it is no program of Linux", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Whose programs run where.
#[derive(Debug, PartialEq, Eq)]
struct Machine {
    /// `e_machine` of ELF.
    number: u16,
    /// What `uname -m` says where such a program runs, as a pattern of `sh`.
    runs_on: &'static str,
}

static MACHINES: [Machine; 5] = [
    Machine { number: 62, runs_on: "x86_64" },
    Machine { number: 183, runs_on: "aarch64" },
    Machine { number: 3, runs_on: "i?86|x86_64" },
    Machine { number: 40, runs_on: "armv7*|armv8l" },
    Machine { number: 243, runs_on: "riscv64" },
];

/// As much of a file as its headers take.
const HEAD: usize = 4096;

impl Program {
    /// Reads a program, and its checksum.
    ///
    /// # Errors
    ///
    /// [`BadProgram`]: one that is not static, or not of Linux.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, BadProgram> {
        let path = path.into();
        let failed = |source| BadProgram::Io { path: path.clone(), source };
        let mut file = File::open(&path).map_err(failed)?;
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
        let Some((number, is_dynamic)) = understand(&head) else {
            return Err(BadProgram::Unknown { path });
        };
        let machine = MACHINES.iter().find(|machine| machine.number == number);
        let Some(machine) = machine else { return Err(BadProgram::Unknown { path }) };
        if is_dynamic {
            return Err(BadProgram::Dynamic { path });
        }
        file.rewind().map_err(failed)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = file.read(&mut buffer).map_err(failed)?;
            if length == 0 {
                break;
            }
            hasher.update(buffer.get(..length).unwrap_or_default());
        }
        let sum = format!("{:x}", hasher.finalize());
        Ok(Self { path, sum, machine })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Where it is on a host, in the words of `sh`. The name says what is in it, so another version is another file.
    pub(crate) fn place(&self) -> String {
        let sum = self.sum.get(..32).unwrap_or(&self.sum);
        format!("\"${{XDG_CACHE_HOME:-$HOME/.cache}}/svctl/svctl-{sum}\"")
    }

    /// What takes it from standard input. It is there once it is whole: under another name first, compared, renamed;
    /// and only where nobody else could have put it.
    pub(crate) fn script(&self) -> String {
        let Self { sum, machine, .. } = self;
        let (place, runs_on) = (self.place(), machine.runs_on);
        // The first line is the answer that a host gives in its time.
        in_single_quotes(&format!(
            "umask 077; echo \"{{\\\"svctl\\\":\\\"\\\",\\\"schema\\\":0}}\"; p={place}; t=\"$p.$$\"; \
             fail() {{ echo \"$1\" >&2; rm -f \"$t\"; exit 1; }}; \
             m=none; case $(uname -s) in Linux) m=$(uname -m);; esac; \
             case \"$m\" in {runs_on}) ;; *) fail \"it is a program for {runs_on}, and that is $(uname -s) $(uname -m)\";; esac; \
             d=\"${{p%/*}}\"; mkdir -p \"$d\" || fail \"cannot make $d\"; \
             [ -L \"$d\" ] && fail \"$d is a link\"; \
             [ -O \"$d\" ] || fail \"$d is not of this user\"; \
             case $(ls -ld \"$d\") in d????-??-*) ;; *) fail \"others may write in $d\";; esac; \
             rm -f \"$t\"; set -C; cat >\"$t\" || fail \"cannot write $t\"; \
             c=$(sha256sum <\"$t\") || fail \"there is no sha256sum\"; \
             [ \"${{c%% *}}\" = {sum} ] || fail \"the checksum of what came is another\"; \
             chmod 700 \"$t\" && mv -f \"$t\" \"$p\" || fail \"cannot rename $t\""
        ))
    }
}

/// The processor of a program, and whether it asks for a linker (`PT_INTERP`).
///
/// ELF, little endian: `e_machine` at 18; `e_phoff` at 28 (32 bits) or 32 (64 bits), `e_phentsize` and `e_phnum` at 42
/// and 44, or 54 and 56; each program header begins with its type, 3 for a linker. Source: elf(5).
fn understand(head: &[u8]) -> Option<(u16, bool)> {
    let u16_at = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
    if !head.starts_with(b"\x7fELF") || head.get(5) != Some(&1) {
        return None;
    }
    let is_wide = head.get(4) == Some(&2);
    // Nobody's headers are beyond four gigabytes.
    let wide = (u32_at(32)?, u16_at(54)?, u16_at(56)?);
    let (offset, size, count) =
        if is_wide { wide } else { (u32_at(28)?, u16_at(42)?, u16_at(44)?) };
    let mut is_dynamic = false;
    for at in 0..usize::from(count) {
        let at = usize::try_from(offset).ok()?.checked_add(at.checked_mul(size.into())?)?;
        is_dynamic |= u32_at(at)? == 3;
    }
    Some((u16_at(18)?, is_dynamic))
}

#[cfg(test)]
mod tests {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    use std::{
        os::unix::fs::PermissionsExt,
        process::{Command, Stdio},
    };

    use super::*;

    /// The head of a program of 64 bits with one program header.
    fn elf(machine: u16, kind: u32) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..6].copy_from_slice(b"\x7fELF\x02\x01");
        head[18..20].copy_from_slice(&machine.to_le_bytes());
        head[32] = 64;
        head[54] = 56;
        head[56] = 1;
        head.extend(kind.to_le_bytes());
        head.resize(64 + 56, 0);
        head
    }

    #[test]
    fn what_needs_a_linker_is_not_static() {
        assert_eq!(understand(&elf(62, 1)), Some((62, false)));
        assert_eq!(understand(&elf(183, 3)), Some((183, true)));
        assert_eq!(understand(b"#!/bin/sh\n"), None);
        assert_eq!(understand(&elf(62, 1)[..66]), None);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        for (bytes, part) in
            [(elf(62, 3), "not static"), (elf(9, 1), "no program"), (vec![], "no program")]
        {
            std::fs::write(&path, bytes).unwrap();
            let told = Program::open(&path).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
        assert!(Program::open(dir.path().join("none")).is_err());
    }

    /// Runs the script as a host would.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn take(program: &Program, home: &Path, bytes: &Path) -> (bool, String) {
        let mut sh = Command::new("sh");
        sh.args(["-c", &program.script()]).env("HOME", home).env_remove("XDG_CACHE_HOME");
        let output = sh.stdin(File::open(bytes).unwrap()).stderr(Stdio::piped()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn it_is_there_once_it_is_whole_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("program"), dir.path().join("other"));
        std::fs::write(&path, elf(62, 1)).unwrap();
        std::fs::write(&other, &elf(62, 1)[1..]).unwrap();
        let program = Program::open(&path).unwrap();
        let cache = dir.path().join(".cache/svctl");
        let files = || std::fs::read_dir(&cache).into_iter().flatten().flatten().count();

        let (is_done, said) = take(&program, dir.path(), &other);
        assert!(!is_done && said.contains("checksum"), "{said}");
        assert_eq!(files(), 0);
        let (is_done, said) = take(&program, dir.path(), &path);
        assert!(is_done, "{said}");
        assert_eq!(files(), 1);
        // What others could exchange is not run.
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(&cache, open).unwrap();
        let (is_done, said) = take(&program, dir.path(), &path);
        assert!(!is_done && said.contains("others may write"), "{said}");
        std::fs::rename(&cache, dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("../elsewhere", &cache).unwrap();
        let (is_done, said) = take(&program, dir.path(), &path);
        assert!(!is_done && said.contains("is a link"), "{said}");
        // Of another processor nothing is written.
        std::fs::write(&path, elf(183, 1)).unwrap();
        let (is_done, said) = take(&Program::open(&path).unwrap(), dir.path(), &path);
        assert!(!is_done && said.contains("aarch64") && said.contains("x86_64"), "{said}");
        assert_eq!(files(), 1);
    }
}
