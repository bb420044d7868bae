//! A log whose logger is the test.

use std::fs::OpenOptions;
use std::io::Write;

use tempfile::TempDir;

use super::*;

struct Log(TempDir);

impl Log {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
    }

    /// The name that `current` gets when it is closed at this second.
    fn rotated(second: u8) -> String {
        format!("@4000000000000{second:03x}00000000.s")
    }

    fn rotate(&self, second: u8) {
        let path = self.0.path();
        fs::rename(path.join("current"), path.join(Self::rotated(second))).unwrap();
        self.write("current", b"");
    }

    fn tail(&self, from: From) -> Tail {
        Tail::open(&LogDir::new(self.0.path(), Scale::Fixed).unwrap(), from).unwrap()
    }
}

fn rest(tail: &mut Tail) -> Vec<String> {
    tail.wake();
    let mut all = Vec::new();
    loop {
        tail.fill().unwrap();
        match tail.take() {
            Some((_, LogItem::Line(line))) => all.push(String::from_utf8(line).unwrap()),
            Some((_, LogItem::Lost)) => all.push("<lost>".into()),
            Some((_, LogItem::NotText(_))) => all.push("<packed>".into()),
            None => return all,
        }
    }
}

#[test]
fn files_are_read_in_order_and_followed_through_rotation() {
    let log = Log::new();
    log.write(&Log::rotated(20), b"two\n");
    log.write(&Log::rotated(10), b"one\n");
    log.write("state", b"no line\n");
    log.write("current", b"three\nhal");
    let mut tail = log.tail(From::Start);
    assert_eq!(rest(&mut tail), ["one", "two", "three"]);
    log.write("current", b"f\n");
    assert_eq!(rest(&mut tail), ["half"]);
    // Written, rotated twice and written again between two looks.
    log.write("current", b"four\n");
    log.rotate(30);
    log.write("current", b"five\n");
    log.rotate(40);
    log.write("current", b"six\n");
    assert_eq!(rest(&mut tail), ["four", "five", "six"]);
    assert_eq!(rest(&mut tail), [""; 0]);
}

#[test]
fn a_file_that_was_cut_off_ends_its_last_line() {
    let log = Log::new();
    log.write("current", b"whole\npart");
    let mut tail = log.tail(From::Start);
    assert_eq!(rest(&mut tail), ["whole"]);
    log.rotate(10);
    log.write("current", b"next\n");
    assert_eq!(rest(&mut tail), ["part", "next"]);
}

#[test]
fn what_was_removed_unread_is_told() {
    let log = Log::new();
    log.write("current", b"one\n");
    let mut tail = log.tail(From::Start);
    assert_eq!(rest(&mut tail), ["one"]);
    log.rotate(10);
    log.write("current", b"two\n");
    log.rotate(20);
    fs::remove_file(log.0.path().join(Log::rotated(10))).unwrap();
    fs::remove_file(log.0.path().join(Log::rotated(20))).unwrap();
    log.write("current", b"three\n");
    assert_eq!(rest(&mut tail), ["<lost>", "three"]);
}

#[test]
fn the_last_lines_may_lie_in_several_files() {
    let log = Log::new();
    log.write(&Log::rotated(10), b"1\n2\n3\n");
    log.write(&Log::rotated(20), b"4\n");
    log.write("current", b"5\n6\n");
    let last = |count| rest(&mut log.tail(From::Last(count)));
    assert_eq!(last(0), [""; 0]);
    assert_eq!(last(1), ["6"]);
    assert_eq!(last(3), ["4", "5", "6"]);
    assert_eq!(last(4), ["3", "4", "5", "6"]);
    assert_eq!(last(100), ["1", "2", "3", "4", "5", "6"]);
    let mut end = log.tail(From::End);
    assert_eq!(rest(&mut end), [""; 0]);
    log.write("current", b"7\n");
    assert_eq!(rest(&mut end), ["7"]);
}

#[test]
fn the_last_lines_of_a_long_file_are_found_from_its_end() {
    let log = Log::new();
    let many: Vec<String> = (0..50_000).map(|n| format!("line {n}\n")).collect();
    log.write("current", many.concat().as_bytes());
    assert_eq!(rest(&mut log.tail(From::Last(2))), ["line 49998", "line 49999"]);
    assert_eq!(rest(&mut log.tail(From::Last(20_000))).len(), 20_000);
}

#[test]
fn what_is_older_is_left_out_and_lines_without_a_stamp_go_with_the_one_before() {
    let log = Log::new();
    log.write(&Log::rotated(20), b"@400000000000000f00000000 at 5\n");
    log.write("current", b"@400000000000002300000000 at 25\nand more of it\n");
    log.write("current", b"@400000000000002d00000000 at 35\n");
    let since = |secs| From::Time(UnixTime::new(secs, 0).unwrap());
    assert_eq!(rest(&mut log.tail(since(25))), ["at 25", "and more of it", "at 35"]);
    assert_eq!(rest(&mut log.tail(since(26))), ["at 35"]);
    assert_eq!(rest(&mut log.tail(since(0))).len(), 4);
}

#[test]
fn a_line_without_an_end_comes_in_pieces_and_packed_files_are_named() {
    let log = Log::new();
    log.write(&Log::rotated(10), b"\x1f\x8b\x08\x00 something\n");
    log.write("current", &vec![b'x'; LONGEST + 10]);
    log.write("current", b" @400000000000002300000000 no stamp\nnext\n");
    let mut tail = log.tail(From::Start);
    let lines = rest(&mut tail);
    assert_eq!(lines[0], "<packed>");
    assert_eq!(lines[1].len(), LONGEST);
    assert!(lines[2].ends_with("@400000000000002300000000 no stamp"));
    assert_eq!(lines[3], "next");
}
