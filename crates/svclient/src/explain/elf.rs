//! The head of an ELF file: for which machine it is, and which program has to load it.
//!
//! Source: the System V ABI, chapters "Object Files" and "Program Loading"; elf(5).

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf};

/// Loaders have no longer paths.
const LONGEST: usize = 4096;
/// The type of the entry that names the loader, `PT_INTERP`.
const LOADER: usize = 3;
/// No program has more entries.
const ENTRIES: usize = 256;

/// That this file is for another machine than this one, in words; nothing where it may run here: 32 bits
/// beside 64 as well, which kernels are built with or without.
pub(super) fn of_another_machine(bytes: &[u8]) -> Option<String> {
    let head = Head::of(bytes)?;
    let runs_here: &[usize] = match std::env::consts::ARCH {
        "x86_64" => &[3, 62],
        "aarch64" => &[40, 183],
        _ => return None,
    };
    let machine = head.number(18, 2)?;
    let is_ours = head.is_little && runs_here.contains(&machine);
    let here = std::env::consts::ARCH;
    let name = name_of(machine)?;
    let order = if head.is_little { "" } else { ", big end first" };
    (!is_ours).then(|| format!("its machine is {name}{order}, this one is {here}"))
}

fn name_of(machine: usize) -> Option<&'static str> {
    Some(match machine {
        3 => "x86",
        8 => "MIPS",
        20 | 21 => "PowerPC",
        22 => "s390",
        40 => "ARM",
        62 => "x86-64",
        183 => "aarch64",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => return None,
    })
}

/// The program that has to load it, where one has to.
pub(super) fn loader(bytes: &[u8]) -> Option<PathBuf> {
    let head = Head::of(bytes)?;
    // Where the table of entries is, how long each is, and how many there are; then in each where what it
    // is about is, and how long that is.
    let [at, len, count] =
        if head.is_wide { [(32, 8), (54, 2), (56, 2)] } else { [(28, 4), (42, 2), (44, 2)] };
    let [place, size] = if head.is_wide { [(8, 8), (32, 8)] } else { [(4, 4), (16, 4)] };
    let number = |(at, len)| head.number(at, len);
    let (at, len, count) = (number(at)?, number(len)?, number(count)?);
    let entries = (0..count.min(ENTRIES)).filter_map(|it| at.checked_add(it.checked_mul(len)?));
    let mut loaders = entries.filter(|entry| head.number(*entry, 4) == Some(LOADER));
    let entry = loaders.next()?;
    let (from, size) = (
        head.number(entry.checked_add(place.0)?, place.1)?,
        head.number(entry.checked_add(size.0)?, size.1)?,
    );
    let path = bytes.get(from..from.checked_add(size.min(LONGEST))?)?;
    let path = path.split(|byte| *byte == 0).next().filter(|it| it.starts_with(b"/"))?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

struct Head<'a> {
    bytes: &'a [u8],
    /// 64 bits.
    is_wide: bool,
    is_little: bool,
}

impl<'a> Head<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let [class, order] = [*bytes.get(4)?, *bytes.get(5)?];
        Some(Self { bytes, is_wide: class == 2, is_little: order != 2 })
    }

    fn number(&self, at: usize, len: usize) -> Option<usize> {
        let digits = self.bytes.get(at..at.checked_add(len)?)?.iter();
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        let number = if self.is_little { digits.rev().fold(0, add) } else { digits.fold(0, add) };
        usize::try_from(number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_anywhere_is_no_program_of_anybody() {
        let own = std::fs::read("/proc/self/exe").unwrap_or_default();
        for end in 0..own.len().min(4096) {
            let part = own.get(..end).unwrap_or_default();
            let _none = (loader(part), of_another_machine(part));
        }
        // Numbers that lead out of the file, and out of what can be counted.
        let mut wild = own.get(..64).unwrap_or_default().to_vec();
        for byte in wild.iter_mut().skip(20) {
            *byte = 0xff;
        }
        assert_eq!(loader(&wild), None);
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn a_program_names_its_loader_and_32_bits_run_beside_64() {
        let shell = std::fs::read("/bin/sh").unwrap();
        let loader = loader(&shell).unwrap();
        assert!(loader.exists(), "{loader:?}");
        let mut other = shell;
        assert_eq!(of_another_machine(&other), None);
        // The number of the machine: x86, then aarch64.
        other[18] = 3;
        assert_eq!(of_another_machine(&other), None);
        other[18] = 183;
        assert_eq!(
            of_another_machine(&other).unwrap(),
            "its machine is aarch64, this one is x86_64"
        );
    }
}
