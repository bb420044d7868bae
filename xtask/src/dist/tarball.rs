//! The archive for any Linux: the same bytes whenever it is made of the same files.

use std::{fs::File, io::Write, path::Path};

use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::contents::{self, Places};
use crate::failure::Failure;

const PLACES: Places = Places {
    program: "",
    manual: "man/",
    completions: ["completions/bash/", "completions/zsh/", "completions/fish/"],
    examples: "examples/",
    texts: "",
};

/// Writes the archive to `path`; everything in it is below `top`, of the time `epoch`.
pub(super) fn write(
    path: &Path,
    top: &str,
    program: &Path,
    target: &str,
    epoch: u64,
) -> Result<(), Failure> {
    let mut files = contents::gather(program, target, &PLACES)?;
    for text in ["LICENSE-MIT", "LICENSE-APACHE"] {
        files.push(contents::File::new(text, contents::text(text)?));
    }
    files.sort_by(|one, other| one.place.cmp(&other.place));
    let fail = |why| Failure::cannot(format!("write {}", path.display()), why);
    let out = File::create(path).map_err(fail)?;
    let mut archive = Builder::new(GzBuilder::new().write(out, Compression::best()));
    for file in &files {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(if file.is_program { 0o755 } else { 0o644 });
        header.set_size(file.bytes.len() as u64);
        header.set_mtime(epoch);
        let place = format!("{top}/{}", file.place);
        archive.append_data(&mut header, place, &*file.bytes).map_err(fail)?;
    }
    let packed = archive.into_inner().map_err(fail)?;
    packed.finish().and_then(|mut out| out.flush()).map_err(fail)
}
