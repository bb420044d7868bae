//! The table of `docs/architecture.md` by which a directory is told is what the code does.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use svproto::{Dialect, Evidence};

/// What the table says: the first row that fits.
fn told<'a>(rows: &[[&'a str; 3]], seen: &Evidence) -> &'a str {
    let fits = |[lengths, files, _]: &&[&str; 3]| {
        let has_length = *lengths == "any"
            || lengths
                .split(", ")
                .any(|len| len.parse::<u64>().ok() == seen.status_len && seen.status_len.is_some());
        let of_s6 = seen.event || seen.death_tally;
        let has_files = match *files {
            "any" => true,
            "`ok`" => seen.ok,
            "`stat`" => seen.stat,
            "neither `ok` nor `stat`" => !seen.ok && !seen.stat,
            "`event` or `death_tally`" => of_s6,
            "`event`, no `ok`" => seen.event && !seen.ok,
            "`stat`, neither `event` nor `death_tally`" => seen.stat && !of_s6,
            "`event` or `death_tally`, neither `ok` nor `stat`" => of_s6 && !seen.ok && !seen.stat,
            other => panic!("not known here: {other}"),
        };
        has_length && has_files
    };
    rows.iter().find(fits).unwrap()[2]
}

#[test]
fn the_table_of_the_architecture_is_that_of_the_code() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("| length | other files | dialect |\n").unwrap();
    let rows: Vec<[&str; 3]> = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>())
        .map(|cells| cells.try_into().unwrap())
        .collect();
    assert_eq!(rows.len(), 11);
    let lengths = [None, Some(0), Some(17), Some(18), Some(20), Some(26), Some(35), Some(40)];
    for status_len in lengths.into_iter().chain([Some(43), Some(44), Some(1 << 40)]) {
        for files in 0..16_u8 {
            let has = |bit: u8| files & (1 << bit) != 0;
            let (ok, stat, death_tally, event) = (has(0), has(1), has(2), has(3));
            let seen = Evidence { ok, stat, death_tally, event, status_len };
            let dialect = seen.dialect().map_or("not known", Dialect::name);
            assert_eq!(told(&rows, &seen), dialect, "{seen:?}");
        }
    }
}
