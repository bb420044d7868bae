//! What tests with real programs share: whether one is there, and words that are hard to quote.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, reason = "tests")]

#[path = "../../../svclient/tests/live/skips.rs"]
mod skips;

use std::path::PathBuf;

use proptest::prelude::*;

/// Where a program is.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// Whether it is there. If not, whoever counts is told, or the test fails.
pub fn installed(program: &str) -> bool {
    if find(program).is_some() {
        return true;
    }
    let why = format!("no {program} in PATH");
    skips::skip("svbuild", &why, "`cargo xtask setup` installs it");
    false
}

/// What nobody can install as a package is counted as skipped.
pub fn leave_out(what: &str, why: &str) {
    skips::leave_out(what, why);
}

/// So many cases, or as many as `PROPTEST_CASES` says.
pub fn cases(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let cases = asked.unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Pieces that mean something to one reader or another.
const PIECES: [&[u8]; 62] = [
    b"",
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"'",
    b"\"",
    b"\\",
    b"\\\\",
    b"$",
    b"$$",
    b"$1",
    b"${1}",
    b"$@",
    b"$#",
    b"${dollar}",
    b"$(id)",
    b"`id`",
    b"#",
    b"=",
    b"A=b",
    b"~",
    b"*",
    b"?",
    b"[a]",
    b"{",
    b"}",
    b"{ }",
    b";",
    b"&",
    b"|",
    b"<",
    b">",
    b"!",
    b"%",
    b"%%",
    b"%n",
    b"-",
    b"--",
    b"-e",
    b"\x7f",
    b"\x01",
    b"\x1b[2J",
    b"\x81",
    b"\x88",
    b"\xff",
    b"\xc3\xa4",
    b"\xe2\x80\xa8",
    b"\xc2\x85",
    b"\\n",
    b"\\x41",
    b"\\\n",
    b"a b",
    b"''",
    b"\"\"",
    b"\xf0\x9f\x98\x80",
    b"EOF",
    b"\n[Service]\n",
    b"@",
    b"+",
    b"$0",
    b"\\$1",
];

/// Such pieces, and arbitrary bytes between them.
pub fn word() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(1_u8..=255, 0..8),
        1 => "[a-z]{1,3}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

pub fn words() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(word(), 1..8)
}

/// Compares with a file of expectations; `UPDATE=1` rewrites it.
pub fn expect(file: &std::path::Path, text: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{} differs, UPDATE=1 rewrites it:\n{text}", file.display());
}
