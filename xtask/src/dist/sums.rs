//! `SHA256SUMS`, in the form that `sha256sum --check` reads.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// Writes it beside these files, and says where it is.
pub(super) fn write(files: &[PathBuf]) -> Result<PathBuf, Failure> {
    let mut sums = Vec::new();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        sums.push(format!("{}  {name}\n", of(file)?));
    }
    sums.sort_by(|one, other| one.split_whitespace().last().cmp(&other.split_whitespace().last()));
    let path =
        files.first().and_then(|it| it.parent()).unwrap_or(Path::new(".")).join("SHA256SUMS");
    fs::write(&path, sums.concat())
        .map_err(|why| Failure::cannot(format!("write {}", path.display()), why))?;
    Ok(path)
}

/// The sum of a file, in hexadecimal digits.
pub(super) fn of(file: &Path) -> Result<String, Failure> {
    let bytes =
        fs::read(file).map_err(|why| Failure::cannot(format!("read {}", file.display()), why))?;
    Ok(format!("{:x}", Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_sha256sum() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        fs::write(&file, "abc").unwrap();
        let sums = fs::read_to_string(write(&[file]).unwrap()).unwrap();
        // The example of FIPS 180-2.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n";
        assert_eq!(sums, expected);
    }
}
