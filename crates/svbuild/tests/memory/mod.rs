//! Temporary directories in memory, where there is such a place: these tests write thousands of
//! times, and a disk makes them wait at every one of them.

#![allow(unreachable_pub, clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use tempfile::TempDir;

pub fn tempdir() -> TempDir {
    let (mut builder, memory) = (tempfile::Builder::new(), Path::new("/dev/shm"));
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    builder.prefix("svbuild-").tempdir_in(place).unwrap()
}
