//! The matrix of `docs/capabilities.md` is made from the table in the code: `UPDATE=1` writes it
//! anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{fmt::Write, fs, path::Path};

use svproto::{
    Dialect,
    op::{SINCE, TABLE},
};

const BEGIN: &str = "<!-- capabilities:begin -->\n";
const END: &str = "<!-- capabilities:end -->";

fn matrix() -> String {
    let mut text =
        String::from("| operation | daemontools | encore | runit | s6 |\n|---|---|---|---|---|\n");
    for row in TABLE {
        write!(text, "| {}", row.name).unwrap();
        for dialect in Dialect::ALL {
            let bytes = row.bytes[dialect as usize];
            let since = SINCE.iter().find(|since| since.dialect == dialect && since.op == row.op);
            let cell = match (bytes, since) {
                (b"", _) => "–".to_owned(),
                (bytes, None) => format!("`{}`", bytes.escape_ascii()),
                (bytes, Some(since)) => {
                    let but = since
                        .except
                        .map(|v| format!(", not {}", v.of(dialect)))
                        .unwrap_or_default();
                    format!("`{}` from {}{but}", bytes.escape_ascii(), since.first.of(dialect))
                }
            };
            write!(text, " | {cell}").unwrap();
        }
        text.push_str(" |\n");
    }
    text
}

#[test]
fn the_page_shows_the_table_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/capabilities.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (shown, tail) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{}{END}{tail}", matrix())).unwrap();
        return;
    }
    assert_eq!(shown, matrix(), "run with UPDATE=1 to write it anew");
}
