//! Links only if nothing in `svproto` can panic: the panic handler calls a symbol that does not
//! exist, so one reachable panic path is a link error that names it.
//!
//! Build with `cargo build --release --target thumbv7m-none-eabi`; with `--features prove` the link
//! must fail. Every conversion, decision and message is called, on input that the compiler cannot
//! know; derived `Debug` is not.
#![no_std]
#![no_main]

use core::{fmt, fmt::Write, hint::black_box, time::Duration};

use svproto::{
    Dialect, Evidence, LastExit, Now, Op, Phase, Pid, Reading, Record, Scale, State, Tai64n,
    UnixTime, Version, Want, cause,
    daemontools::DaemontoolsRecord,
    embedded::{Embedded, EntryName},
    encore::{EncorePairRecord, EncoreRecord, EncoreStage},
    files,
    goal::{Goal, Pursuit},
    runit::{RunitFields, RunitRecord},
    s6::{
        self,
        event::S6Event,
        tally::{Death, Tally},
    },
    scan::ScanOp,
    track::Tracker,
};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn svproto_has_a_panic_path() -> !;
    }
    // SAFETY: the symbol exists nowhere, so a program that would call it does not link.
    unsafe { svproto_has_a_panic_path() }
}

/// Swallows text, so that messages are linked too.
struct Sink(usize);

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.wrapping_add(text.len());
        Ok(())
    }
}

/// Entry point of the image; nothing calls it with a meaning.
#[unsafe(no_mangle)]
pub extern "C" fn _start(bytes: *const u8, len: usize) -> usize {
    // SAFETY: never run; the caller of an image vouches for its arguments.
    let bytes = unsafe { core::slice::from_raw_parts(bytes, len) };
    let mut sum = records(bytes);
    sum = sum.wrapping_add(times(bytes));
    sum = sum.wrapping_add(requests(bytes));
    sum = sum.wrapping_add(waits(bytes));
    written(bytes);
    sum = sum.wrapping_add(messages(bytes));
    #[cfg(feature = "prove")]
    {
        sum = sum.wrapping_add(usize::from(bytes[black_box(7)]));
    }
    black_box(sum)
}

fn records(bytes: &[u8]) -> usize {
    let mut sum = 0_usize;
    for dialect in Dialect::ALL {
        match Record::from_bytes(black_box(dialect), bytes) {
            Ok(record) => {
                let status = black_box(record.facts());
                sum = sum.wrapping_add(record.as_bytes().len());
                sum = sum.wrapping_add(status.state().name().len());
                sum = sum.wrapping_add(record.layout().len());
                sum = sum.wrapping_add(usize::from(record.check().is_ok()));
                sum = sum.wrapping_add(usize::from(record.log_facts().is_some()));
                sum = sum.wrapping_add(usize::from(record.other_writer().is_some()));
            }
            Err(error) => sum = sum.wrapping_add(error.hint().len()),
        }
    }
    sum = sum.wrapping_add(usize::from(Record::guess(bytes).is_ok()));
    for death in Tally::new(bytes) {
        black_box((death.at(), death.exit()));
    }
    for &byte in bytes {
        black_box(S6Event::from_byte(byte).to_byte());
        black_box(LastExit::from_wait_status(u16::from(byte) << 3));
    }
    sum
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, &byte| (sum << 8) | u64::from(byte))
}

fn times(bytes: &[u8]) -> usize {
    let label = Tai64n { secs: number(bytes), nanos: number(bytes) as u32 };
    let mut sum = usize::from(black_box(label.to_bytes()) == [0; 12]);
    for scale in [Scale::Fixed, Scale::LeapSeconds] {
        let (at, text) = svproto::stamp::split(black_box(bytes), scale);
        sum = sum.wrapping_add(usize::from(at.is_some())).wrapping_add(text.len());
        if let Some(time) = label.unix(black_box(scale)) {
            let other = UnixTime::new(number(bytes).cast_signed(), 5).unwrap_or(UnixTime::EPOCH);
            let span = black_box(other.elapsed(time));
            black_box(time.saturating_add(span).saturating_add(Duration::from_nanos(7)));
            sum = sum.wrapping_add(usize::from(Tai64n::from_unix(other, scale).is_some()));
        }
    }
    sum
}

fn requests(bytes: &[u8]) -> usize {
    let mut sum = 0_usize;
    let text = core::str::from_utf8(bytes).unwrap_or("");
    let version = text.parse::<Version>().ok();
    for dialect in Dialect::ALL {
        for op in Op::all() {
            if let Ok(bytes) = op.control_bytes(dialect, version) {
                sum = sum.wrapping_add(bytes.len());
            }
        }
        for &byte in bytes {
            sum = sum.wrapping_add(usize::from(Op::from_control_byte(dialect, byte).is_some()));
            sum = sum.wrapping_add(usize::from(ScanOp::from_byte(byte).is_some()));
        }
        for entry in &files::TABLE {
            sum = sum.wrapping_add(usize::from(entry.is_of(dialect)));
        }
    }
    let bit = |at: u64| number(bytes) >> at & 1 != 0;
    let evidence = Evidence {
        ok: bit(0),
        stat: bit(1),
        death_tally: bit(2),
        event: bit(3),
        status_len: Some(number(bytes)),
    };
    sum = sum.wrapping_add(usize::from(evidence.dialect().is_some()));
    sum = sum.wrapping_add(usize::from(text.parse::<Dialect>().is_ok()));
    sum.wrapping_add(usize::from(Pid::new(number(bytes)).is_some()))
}

fn waits(bytes: &[u8]) -> usize {
    let goals = [
        Goal::Up,
        Goal::Ready,
        Goal::Down,
        Goal::Finished,
        Goal::Restarted,
        Goal::Gone,
        Goal::UpFor(Duration::from_millis(number(bytes))),
    ];
    let reading = match Record::from_bytes(Dialect::Runit, bytes) {
        Ok(record) => Reading::Record(record.facts()),
        Err(_) => Reading::Unsupervised,
    };
    let mut tracker = Tracker::new();
    let mut sum = usize::from(tracker.observe(reading).is_some());
    for goal in goals {
        let mut pursuit =
            Pursuit::new(black_box(goal), Some(Op::Up), reading, black_box(Now::default()));
        black_box(pursuit.goal());
        if black_box(false) {
            pursuit.acknowledge();
        }
        let verdict = pursuit.observe(&reading, black_box(Now::default()));
        sum = sum.wrapping_add(usize::from(matches!(verdict, svproto::goal::Verdict::Reached)));
    }
    sum
}

/// Every record made of its fields.
fn written(bytes: &[u8]) {
    let label = Tai64n { secs: number(bytes), nanos: number(bytes) as u32 };
    let pid = Pid::new(number(bytes));
    let (byte, word) = (number(bytes) as u8, number(bytes) as u16);
    let flag = byte & 1 == 1;
    let want = Want::Unknown(byte);
    black_box(DaemontoolsRecord::new(label, pid, flag, want));
    let encore = EncoreRecord::new(label, pid, flag, want, EncoreStage::Unknown(byte));
    black_box(EncorePairRecord::new(encore, encore));
    black_box(RunitRecord::new(RunitFields {
        since: label,
        pid,
        paused: flag,
        want_up: flag,
        got_term: flag,
        phase: Phase::Unknown(byte),
    }));
    let oldest = s6::v2_0::Record::new(label, pid, flag, flag, want);
    black_box(s6::v2_1::Record::new(oldest, word));
    black_box(s6::v2_2::Record::new(label, label, pid, word, byte));
    black_box(s6::v2_11::Record::new(label, label, pid, word, byte));
    black_box(s6::v2_13::Record::new(label, label, pid, pid, word, byte));
    black_box(Death::new(label, byte, byte));
}

/// Every message.
fn messages(bytes: &[u8]) -> usize {
    let mut sink = Sink(0);
    let what = core::str::from_utf8(bytes).unwrap_or_default();
    for cause in black_box(cause::ALL) {
        let _written = write!(sink, "{cause} {} {:?}", cause.about(what), cause.severity() as u8);
    }
    for dialect in Dialect::ALL {
        let _ = write!(sink, "{dialect}");
        if let Err(error) = Record::from_bytes(dialect, bytes).map(|record| record.check()) {
            let _ = write!(sink, "{error}");
        }
        for op in Op::all() {
            if let Err(error) = op.control_bytes(dialect, None) {
                let _ = write!(sink, "{op} {error}");
            }
        }
    }
    if let Err(error) = Record::guess(bytes) {
        let _ = write!(sink, "{error}");
    }
    let label = Tai64n { secs: number(bytes), nanos: number(bytes) as u32 };
    let _ = write!(sink, "{label} {}", Version([1, 2, 3, number(bytes) as u16]));
    let text = core::str::from_utf8(bytes).unwrap_or("");
    if let Err(error) = text.parse::<Version>() {
        let _ = write!(sink, "{error}");
    }
    if let Err(error) = text.parse::<Dialect>() {
        let _ = write!(sink, "{error}");
    }
    if let Some(pid) = Pid::new(number(bytes)) {
        let _ = write!(sink, "{pid}");
    }
    for state in State::ALL {
        let _ = write!(sink, "{state}");
    }
    sink.0 = sink.0.wrapping_add(usize::from(EntryName(bytes).is_in(bytes)));
    let _ = write!(sink, "{}", EntryName(bytes));
    if let Ok(state) = text.parse::<State>() {
        let _ = write!(sink, "{state}");
    }
    if let Some(embedded) = Embedded::from_bytes(bytes) {
        let _ = write!(sink, "{embedded}");
        for dialect in Dialect::ALL {
            if let Ok(record) = Record::from_bytes(dialect, bytes) {
                let facts = embedded.add_to(record.facts());
                sink.0 = sink.0.wrapping_add(usize::from(embedded.is_ahead_of(&facts)));
            }
        }
    }
    let exit = LastExit::from_wait_status(number(bytes) as u16);
    for why in [
        cause::Cause::Unsupervised,
        cause::Cause::GivenUp { exit },
        cause::Cause::WantedUpAgain,
        cause::Cause::NoReadiness,
    ] {
        let _ = write!(sink, "{why}");
    }
    sink.0
}
