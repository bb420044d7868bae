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

    fn tail(&self, from: LogFrom) -> Tail {
        Tail::open(&LogDir::new(self.0.path(), Scale::Fixed).unwrap(), from, None).unwrap()
    }
}

fn rest(tail: &mut Tail) -> Vec<String> {
    tail.wake();
    let mut all = Vec::new();
    loop {
        while !tail.fill().unwrap() {}
        match tail.take() {
            Some((_, LogItem::Line(line))) => all.push(String::from_utf8(line).unwrap()),
            Some((_, LogItem::Lost)) => all.push("<lost>".into()),
            Some((_, LogItem::NotText(_))) => all.push("<packed>".into()),
            Some((_, LogItem::Damaged(_))) => all.push("<damaged>".into()),
            Some((_, LogItem::Cut { left_out })) => all.push(format!("<{left_out} more>")),
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
    let mut tail = log.tail(LogFrom::Start);
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
    let mut tail = log.tail(LogFrom::Start);
    assert_eq!(rest(&mut tail), ["whole"]);
    log.rotate(10);
    log.write("current", b"next\n");
    assert_eq!(rest(&mut tail), ["part", "next"]);
}

#[test]
fn what_was_removed_unread_is_told() {
    let log = Log::new();
    log.write("current", b"one\n");
    let mut tail = log.tail(LogFrom::Start);
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
    let last = |count| rest(&mut log.tail(LogFrom::Last(count)));
    assert_eq!(last(0), [""; 0]);
    assert_eq!(last(1), ["6"]);
    assert_eq!(last(3), ["4", "5", "6"]);
    assert_eq!(last(4), ["3", "4", "5", "6"]);
    assert_eq!(last(100), ["1", "2", "3", "4", "5", "6"]);
    let mut end = log.tail(LogFrom::End);
    assert_eq!(rest(&mut end), [""; 0]);
    log.write("current", b"7\n");
    assert_eq!(rest(&mut end), ["7"]);
}

#[test]
fn the_last_lines_of_a_long_file_are_found_from_its_end() {
    let log = Log::new();
    let many: Vec<String> = (0..50_000).map(|n| format!("line {n}\n")).collect();
    log.write("current", many.concat().as_bytes());
    assert_eq!(rest(&mut log.tail(LogFrom::Last(2))), ["line 49998", "line 49999"]);
    assert_eq!(rest(&mut log.tail(LogFrom::Last(20_000))).len(), 20_000);
}

#[test]
fn what_is_older_is_left_out_and_lines_without_a_stamp_go_with_the_one_before() {
    let log = Log::new();
    log.write(&Log::rotated(20), b"@400000000000000f00000000 at 5\n");
    log.write("current", b"@400000000000002300000000 at 25\nand more of it\n");
    log.write("current", b"@400000000000002d00000000 at 35\n");
    let since = |secs| LogFrom::Time(UnixTime::new(secs, 0).unwrap());
    assert_eq!(rest(&mut log.tail(since(25))), ["at 25", "and more of it", "at 35"]);
    assert_eq!(rest(&mut log.tail(since(26))), ["at 35"]);
    assert_eq!(rest(&mut log.tail(since(0))).len(), 4);
}

#[test]
fn a_long_line_is_cut_and_packed_files_are_named() {
    let log = Log::new();
    log.write(&Log::rotated(10), b"\xfd7zX something\n");
    log.write("current", &vec![b'x'; LONGEST + 10]);
    log.write("current", b" @400000000000002300000000 no stamp\nnext\n");
    let mut tail = log.tail(LogFrom::Start);
    let lines = rest(&mut tail);
    assert_eq!(lines[0], "<packed>");
    assert_eq!(lines[1].len(), LONGEST);
    assert_eq!(lines[2..], ["<45 more>", "next"]);
    // As long as may be, it is whole.
    log.write("current", &vec![b'y'; LONGEST - 1]);
    log.write("current", b"\nlast\n");
    assert_eq!(rest(&mut tail)[1..], ["last"]);
}

#[test]
fn a_file_without_line_ends_is_told_once_and_costs_no_more_than_its_bound() {
    let log = Log::new();
    log.write("current", b"");
    let mut tail = log.tail(LogFrom::Start);
    log.write("current", &vec![b'x'; 3 * LONGEST]);
    assert_eq!(rest(&mut tail)[1..], [format!("<{} more>", 2 * LONGEST)]);
    log.write("current", &vec![b'x'; 3 * LONGEST]);
    assert_eq!(rest(&mut tail), [""; 0]);
    log.write("current", b"\nnext\n");
    assert_eq!(rest(&mut tail), ["next"]);
}

/// A terabyte, read in the time of a test: what is behind the hole is found all the same.
#[test]
fn a_hole_of_a_terabyte_is_stepped_over() {
    for from in [LogFrom::Start, LogFrom::Last(3), LogFrom::Last(1), LogFrom::Time(UnixTime::EPOCH)]
    {
        let log = Log::new();
        let path = log.0.path().join("current");
        log.write("current", b"@400000000000002300000000 first\n");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(1 << 40).unwrap();
        let _scale = LogDir::open(log.0.path()).unwrap();
        let lines = rest(&mut log.tail(from));
        assert!(lines.last().unwrap().ends_with("more>"), "{from:?}: {:?}", lines.last());
        log.write("current", b"\nbehind\n");
        assert_eq!(rest(&mut log.tail(from)).last().unwrap(), "behind", "{from:?}");
    }
}

#[test]
fn what_has_no_line_end_for_long_is_left_near_its_end() {
    let log = Log::new();
    for _ in 0..40 {
        log.write("current", &vec![b'x'; 1 << 20]);
    }
    log.write("current", b"\nlast\n");
    let lines = rest(&mut log.tail(LogFrom::Start));
    assert_eq!(lines[1..], [format!("<{} more>", (40 << 20) - LONGEST), "last".into()]);
    assert_eq!(rest(&mut log.tail(LogFrom::Last(1))), ["last"]);
    assert!(rest(&mut log.tail(LogFrom::Last(2)))[0].ends_with("more>"));
}

#[test]
fn what_comes_later_is_left_for_later() {
    let log = Log::new();
    log.write(&Log::rotated(10), b"one\n");
    log.write("current", b"two\nthr");
    let mut tail = log.tail(LogFrom::Start);
    tail.stop_at_present().unwrap();
    log.write("current", b"ee\nfour\n");
    assert_eq!(rest(&mut tail), ["one", "two"]);
    log.rotate(20);
    log.write("current", b"five\n");
    assert_eq!(rest(&mut tail), [""; 0]);
    tail.go_on();
    assert_eq!(rest(&mut tail), ["three", "four", "five"]);
    tail.stop_at_present().unwrap();
    log.write("current", b"half");
    log.rotate(30);
    fs::remove_file(log.0.path().join(Log::rotated(30))).unwrap();
    assert_eq!(rest(&mut tail), [""; 0]);
}

#[test]
fn a_line_without_an_end_can_be_had_at_last() {
    let log = Log::new();
    log.write("current", b"one\nhalf");
    let mut tail = log.tail(LogFrom::Start);
    tail.stop_at_present().unwrap();
    assert_eq!(rest(&mut tail), ["one"]);
    tail.finish();
    assert_eq!(rest(&mut tail), ["half"]);
}

/// Packed by the real programs: by the logger's processor under the same name, by somebody else
/// under one more ending, in several pieces.
#[cfg(feature = "packed")]
#[test]
fn packed_files_are_read_in_their_place() {
    let pack = |program: &str, text: &str| {
        let mut packing = std::process::Command::new(program);
        packing.args(["-q", "-c"]).stdin(std::process::Stdio::piped());
        let mut packing = packing.stdout(std::process::Stdio::piped()).spawn().unwrap();
        packing.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        packing.wait_with_output().unwrap().stdout
    };
    let log = Log::new();
    log.write(&Log::rotated(10), &pack("gzip", "@400000000000000f00000000 at 5\n2\n"));
    log.write(&Log::rotated(10), &pack("gzip", "3\n"));
    log.write(&format!("{}.zst", Log::rotated(20)), &pack("zstd", "4\n5"));
    log.write(&Log::rotated(30), &pack("zstd", "@400000000000001900000000 at 15\n"));
    // A frame to be skipped.
    log.write(&Log::rotated(30), b"\x50\x2a\x4d\x18\x03\0\0\0abc");
    log.write(&Log::rotated(30), &pack("zstd", "7\n"));
    // Not removed yet by the packer.
    log.write(&Log::rotated(40), b"8\n");
    log.write(&format!("{}.gz", Log::rotated(40)), &pack("gzip", "8\n"));
    log.write("current", b"9\n");
    let all = ["at 5", "2", "3", "4", "5", "at 15", "7", "8", "9"];
    assert_eq!(rest(&mut log.tail(LogFrom::Start)), all);
    for count in 0..=all.len() {
        assert_eq!(rest(&mut log.tail(LogFrom::Last(count))), all[all.len() - count..], "{count}");
    }
    let since = LogFrom::Time(UnixTime::new(15, 0).unwrap());
    assert_eq!(rest(&mut log.tail(since)), all[5..]);
    // What is damaged is told, and what comes after it is read.
    let whole = pack("gzip", &"a line\n".repeat(100_000));
    log.write(&Log::rotated(50), &whole[..whole.len() / 2]);
    let lines = rest(&mut log.tail(LogFrom::Start));
    assert_eq!(lines[..8], all[..8]);
    assert_eq!(lines[8], "a line");
    assert_eq!(lines[lines.len() - 2..], ["<damaged>", "9"]);
}

/// A few bytes that stand for very many, and a file of which nothing comes.
#[cfg(feature = "packed")]
#[test]
fn what_is_packed_has_the_bounds_of_what_is_not() {
    use flate2::{Compression, write::GzEncoder};
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    packing.write_all(&vec![b'x'; 1 << 20]).unwrap();
    let member = packing.finish().unwrap();
    let log = Log::new();
    log.write(&Log::rotated(10), &member.repeat(20));
    log.write("current", b"");
    let lines = rest(&mut log.tail(LogFrom::Last(1)));
    let [line, cut, damaged] = &*lines else { panic!("{} lines", lines.len()) };
    assert_eq!((line.len(), &**damaged), (LONGEST, "<damaged>"));
    let left_out: u64 = cut.trim_matches(['<', '>']).trim_end_matches(" more").parse().unwrap();
    assert!(left_out <= crate::logs::packed::LINE + (64 << 10), "{cut}");
    // To a reader of zstd a hole is blocks of nothing, each of three bytes, and no end.
    let log = Log::new();
    log.write(&Log::rotated(10), b"\x28\xb5\x2f\xfd\0\0");
    let file = OpenOptions::new().write(true).open(log.0.path().join(Log::rotated(10))).unwrap();
    file.set_len(1 << 40).unwrap();
    log.write("current", b"next\n");
    assert_eq!(rest(&mut log.tail(LogFrom::Start)), ["<damaged>", "next"]);
}

#[test]
fn lines_without_a_time_are_counted_and_local_time_is_asked_for() {
    let log = Log::new();
    log.write("current", b"one\ntwo\n2026-11-22 23:51:30.5 three\nfour\n");
    let since = LogFrom::Time(UnixTime::new(1_795_387_890, 0).unwrap());
    let dir = LogDir::open(log.0.path()).unwrap();
    let mut tail = Tail::open(&dir, since, None).unwrap();
    assert_eq!((rest(&mut tail), tail.without_time()), (vec![], 4));
    // One hour east of Greenwich.
    let clock = |shown: UnixTime| UnixTime::new(shown.secs() - 3600, shown.nanos());
    let mut tail = Tail::open(&dir, since, Some(WallClock(Box::new(clock)))).unwrap();
    assert_eq!(rest(&mut tail), ["three", "four"]);
    assert_eq!(tail.without_time(), 2);
}

/// A logger that does nothing but rotate, as svlogd: `current` has no name for a moment.
#[test]
fn a_log_is_found_in_the_middle_of_any_rotation() {
    let log = Log::new();
    log.write("current", b"");
    let path = log.0.path().to_owned();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let rotating = std::thread::spawn(move || {
        let mut old = VecDeque::new();
        for second in (0..=255).cycle() {
            if stopped.load(std::sync::atomic::Ordering::Relaxed) {
                break;
            }
            let rotated = path.join(Log::rotated(second));
            fs::rename(path.join("current"), &rotated).unwrap();
            std::thread::yield_now();
            fs::write(path.join("current"), "").unwrap();
            old.push_back(rotated);
            if old.len() > 3 {
                fs::remove_file(old.pop_front().unwrap()).unwrap();
            }
        }
    });
    let missed = (0..3000).filter(|_| LogDir::new(log.0.path(), Scale::Fixed).is_err()).count();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    rotating.join().unwrap();
    assert_eq!(missed, 0);
}

#[test]
fn a_rotation_between_opening_a_log_and_noting_what_there_is_makes_nothing_of_the_present_past() {
    let log = Log::new();
    let path = |name: &str| log.0.path().join(name);
    log.write(&Log::rotated(10), b"old\n");
    log.write("current", b"read\n");
    let mut tail = log.tail(LogFrom::End);
    // Rotated, and now what there is is noted; of the file that is open that says nothing.
    log.write("current", b"past\n");
    log.rotate(20);
    log.write("current", b"lost\n");
    tail.stop_at_present().unwrap();
    // Rotated again, and the logger keeps two files: the new one has the number of one that is
    // gone.
    fs::rename(path(&Log::rotated(10)), path("new")).unwrap();
    fs::write(path("new"), b"now\n").unwrap();
    fs::rename(path("new"), path("current")).unwrap();
    assert_eq!(rest(&mut tail), ["past"]);
    log.write("current", b"later\n");
    assert_eq!(rest(&mut tail), [""; 0]);
    tail.go_on();
    assert_eq!(rest(&mut tail), ["now", "later"]);
}

#[test]
fn the_last_lines_are_those_that_were_counted_however_fast_the_log_grows() {
    for (count, expected) in [(1, &["4"][..]), (3, &["2", "3", "4"])] {
        let log = Log::new();
        log.write(&Log::rotated(10), b"1\n2\n");
        log.write("current", b"3\n4\n");
        let mut tail = log.tail(LogFrom::Last(count));
        log.write("current", b"5\n");
        log.rotate(20);
        log.write("current", b"6\n");
        tail.stop_at_present().unwrap();
        log.write("current", b"7\n");
        assert_eq!(rest(&mut tail), expected);
        tail.go_on();
        assert_eq!(rest(&mut tail), ["5", "6", "7"]);
    }
    // What was read since then is nothing to stop at.
    let log = Log::new();
    log.write("current", b"3\n4\n");
    let mut tail = log.tail(LogFrom::Last(1));
    assert_eq!(rest(&mut tail), ["4"]);
    log.write("current", b"5\n");
    tail.stop_at_present().unwrap();
    log.write("current", b"6\n");
    assert_eq!(rest(&mut tail), ["5"]);
}

#[test]
fn of_many_files_that_were_there_each_is_read_once() {
    let log = Log::new();
    log.write(&Log::rotated(10), b"1\n");
    log.write(&Log::rotated(20), b"2\n");
    log.write("current", b"3\n");
    let mut tail = log.tail(LogFrom::Start);
    tail.stop_at_present().unwrap();
    log.write("current", b"4\n");
    log.rotate(30);
    log.write("current", b"5\n");
    assert_eq!(rest(&mut tail), ["1", "2", "3"]);
    tail.go_on();
    assert_eq!(rest(&mut tail), ["4", "5"]);
    // Before there is a file, there was nothing.
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("current"), "").unwrap();
    let mut tail =
        Tail::open(&LogDir::new(empty.path(), Scale::Fixed).unwrap(), LogFrom::Start, None)
            .unwrap();
    tail.stop_at_present().unwrap();
    fs::write(empty.path().join("current"), "first\n").unwrap();
    assert_eq!(rest(&mut tail), [""; 0]);
    tail.go_on();
    assert_eq!(rest(&mut tail), ["first"]);
}

/// What two lists show that both miss the file which multilog rotates: the first had its name
/// `current`, which led to the next file when it was looked at, and the second `previous`, which led
/// nowhere any more.
#[test]
fn no_file_is_missed_while_it_is_renamed() {
    let file = |generation: Generation, number: u64| Listed {
        generation,
        path: PathBuf::from(number.to_string()),
        identity: (1, number),
    };
    let rotated = |second, number| file(Generation::Rotated(Log::rotated(second).into()), number);
    let lists = [
        (vec![rotated(1, 1), file(Generation::Current, 3)], true),
        (vec![rotated(1, 1), file(Generation::Current, 3)], false),
        (vec![rotated(1, 1), rotated(2, 2), file(Generation::Current, 3)], true),
        (vec![rotated(1, 1), rotated(2, 2), file(Generation::Current, 3)], true),
    ];
    let mut lists = lists.into_iter().map(|(files, is_whole)| Ok(Once { files, is_whole }));
    let numbers: Vec<u64> =
        agreed(|| lists.next().unwrap()).unwrap().iter().map(|file| file.identity.1).collect();
    assert_eq!(numbers, [1, 2, 3]);
}
