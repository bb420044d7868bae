//! The words of all public enums: each is read back as it is written, and no enum is forgotten.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tests"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Debug, Display},
    fs,
    path::Path,
    str::FromStr,
};

use svcmgr::{
    Cause, Certainty, CheckAnswer, CheckRule, Dialect, Distrust, EnabledLink, ErrorKind, Goal,
    Intent, LastExit, Liveness, LogNote, NeedList, NeedWhen, News, Normally, OnFailure, Op,
    OutcomeKind, Phase, ProcessRole, Readiness, Reading, S6Event, Scale, ScanOp, Scanner, Severity,
    Stage, State, Suite, Support, Want, build, convert, devtree,
    proto::{self, embedded::Script, encore::EncoreStage, files::FileKind, track::Change},
    systemd, testkit,
};

/// An enum of the public face: `svclient::State`.
type Enum = (String, String);

/// The crate and the name of a type, without the modules in between.
fn face<T>() -> Enum {
    let path = std::any::type_name::<T>();
    let last = path.rsplit("::").next().unwrap();
    (path.split("::").next().unwrap().to_owned(), last.to_owned())
}

/// What has words, with all of them; what is only shown; what has no text of its own, and why.
#[derive(Default)]
struct Table {
    words: BTreeMap<Enum, Vec<String>>,
    others: BTreeSet<Enum>,
}

impl Table {
    /// `Display` and `FromStr` agree on every value.
    #[track_caller]
    fn words<T>(&mut self, all: impl IntoIterator<Item = T>)
    where
        T: Clone + PartialEq + Debug + Display + FromStr<Err: Debug>,
    {
        let mut words = Vec::new();
        for value in all {
            let word = value.to_string();
            let read = word.parse::<T>();
            assert!(read.as_ref().is_ok_and(|read| *read == value), "{word}: {read:?}");
            words.push(word);
        }
        let different: BTreeSet<&String> = words.iter().collect();
        assert_eq!(different.len(), words.len(), "{words:?}");
        assert!(self.words.insert(face::<T>(), words).is_none(), "{}", std::any::type_name::<T>());
    }

    /// A closed set of words: what is none of them is refused, and it is said what it was to be.
    #[track_caller]
    fn closed<T>(&mut self, all: &[T])
    where
        T: Copy + PartialEq + Debug + Display + FromStr<Err = proto::UnknownWord>,
    {
        self.words(all.iter().copied());
        let error = "no-such-word".parse::<T>().unwrap_err();
        assert!(error.to_string().ends_with(error.kind()), "{error}");
        let words = &self.words[&face::<T>()];
        let is_plain =
            |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || "-._".contains(it);
        assert!(words.iter().all(|word| word.chars().all(is_plain)), "{words:?}");
        // A width is kept, as in a table.
        let wide = all.iter().map(|value| format!("{value:>40}"));
        assert!(wide.into_iter().all(|wide| wide.len() == 40));
    }

    /// Shown in a sentence, which nobody reads back.
    fn shown<T: Display>(&mut self) {
        assert!(self.others.insert(face::<T>()), "{}", std::any::type_name::<T>());
    }

    /// Without a text of its own; why.
    fn without(&mut self, krate: &str, why: &str, names: &[&str]) {
        assert!(!why.is_empty());
        for name in names {
            assert!(self.others.insert((krate.to_owned(), (*name).to_owned())), "{name}");
        }
    }
}

fn table() -> Table {
    let mut table = Table::default();
    // svproto
    table.words(Dialect::ALL);
    table.closed(State::ALL);
    table.closed(Goal::WORDS);
    table.closed(&Op::all().collect::<Vec<_>>());
    table.closed(&[Want::Up, Want::Down, Want::Once]);
    table.closed(&[Phase::Down, Phase::Up, Phase::Finish]);
    table.closed(Stage::ALL);
    table.closed(Severity::ALL);
    table.closed(Scale::ALL);
    table.closed(Script::ALL);
    table.closed(FileKind::ALL);
    table.closed(Change::ALL);
    table.closed(&ScanOp::ALL.map(|(op, _)| op));
    table.closed(&b"suUdDOx".map(S6Event::from_byte));
    table.shown::<LastExit>();
    table.shown::<Readiness>();
    table.shown::<Reading>();
    table.shown::<EncoreStage>();
    table.shown::<proto::DecodeError>();
    // Its `Display` is the sentence; the word is `kind`, and is checked below.
    table.shown::<Cause>();
    table.without("svproto", "bytes", &["Record", "S6Record"]);
    table.without(
        "svproto",
        "has a moment, or a cause, and is branched on",
        &["Notice", "Verdict"],
    );
    table.without("svproto", "a part of the sentence of `Unsupported`", &["Refusal"]);
    // svclient
    table.closed(ErrorKind::ALL);
    table.closed(OutcomeKind::ALL);
    table.closed(Normally::ALL);
    table.closed(Support::ALL);
    table.closed(CheckRule::ALL);
    table.closed(OnFailure::ALL);
    table.closed(NeedList::ALL);
    table.closed(NeedWhen::ALL);
    table.closed(EnabledLink::ALL);
    table.closed(Scanner::ALL);
    table.closed(Suite::ALL);
    table.closed(ProcessRole::ALL);
    let plain = [Intent::Restart, Intent::Reload];
    // The word `reload` is the request that every supervisor understands, and not s6's letter.
    let ops = Op::all().filter(|op| *op != Op::Reload).map(Intent::from);
    table.closed(&ops.chain(plain).collect::<Vec<_>>());
    let heard = [S6Event::Died, S6Event::Ready].map(News::Heard);
    let news = [News::Snapshot, News::Added, News::Changed, News::Supervised, News::Unsupervised];
    table.words(news.into_iter().chain([News::Removed, News::Resync]).chain(heard));
    table.shown::<Certainty>();
    table.shown::<CheckAnswer>();
    table.shown::<Liveness>();
    table.shown::<LogNote>();
    table.shown::<svcmgr::Error>();
    table.shown::<svcmgr::OrderError>();
    let why = "holds what it is about, which has a text of its own";
    table.without("svclient", why, &["LogFrom", "LogItem", "Noticed", "Remedy", "Settled"]);
    table.without("svclient", why, &["SupervisionEnd"]);
    // svtrust, which is no part of the facade
    table.shown::<Distrust>();
    table.without("svtrust", "an error", &["Error"]);
    // svbuild
    table.words(build::Target::ALL);
    table.closed(build::ErrorKind::ALL);
    table.closed(build::Language::ALL);
    table.closed(build::Lossy::ALL);
    table.closed(build::plan::ChangeKind::ALL);
    table.closed(build::spec::IoClass::ALL);
    table.closed(build::spec::Restart::ALL);
    table.closed(build::spec::Critical::ALL);
    table.closed(build::spec::Then::ALL);
    table.closed(build::spec::Kind::ALL);
    table.closed(build::spec::When::ALL);
    table.closed(build::spec::Timestamp::ALL);
    // Numbers are written as numbers of TOML, without quotes.
    table.words(["root", "www-data"].map(build::spec::Id::from));
    let file = build::spec::Stream::File("/var/log/web".into());
    let streams = [build::spec::Stream::Inherit, build::spec::Stream::Null];
    table.words(streams.into_iter().chain([build::spec::Stream::Stdout, file]));
    table.shown::<build::Error>();
    table.shown::<build::quote::Unquotable>();
    table.without("svbuild", "a part of a plan, which is shown as a whole", &["PlanEntry", "Unit"]);
    table.without("svbuild", "a table of TOML", &["HealthCheck", "ReadyCheck"]);
    table.without("svbuild", "a number, or infinity", &["Bound"]);
    table.without("svbuild", "holds a directory, or none", &["Base"]);
    table.without("svbuild", "a cell of the table of capabilities", &["Support"]);
    // svconvert
    table.closed(convert::LineVerdict::ALL);
    table.closed(convert::Format::ALL);
    table.without("svconvert", "an error", &["Error"]);
    table.without("svconvert", "what a path leads to, which is branched on", &["FileKind"]);
    // svremote
    table.without("svremote", "an error", &["BadProgram", "Error", "HostFailure", "HostsError"]);
    table.without(
        "svremote",
        "what is told of a host, which is branched on",
        &["EventKind", "Progress"],
    );
    // svlint
    table.without("svlint", "a chapter of the list of rules, which has a title", &["Area"]);
    table.without("svlint", "a change of a file", &["Fix"]);
    // svdevtree
    table.closed(devtree::Engine::ALL);
    table.closed(devtree::ErrorKind::ALL);
    table.closed(devtree::TreeErrorKind::ALL);
    table.closed(testkit::KitErrorKind::ALL);
    table.closed(devtree::ServicePart::ALL);
    table.closed(devtree::Stdin::ALL);
    table.closed(devtree::ProcessGroup::ALL);
    table.closed(devtree::Unwell::ALL);
    table.closed(devtree::TreeStarted::ALL);
    table.closed(devtree::WatchLimit::ALL);
    table.shown::<devtree::EventKind>();
    table.shown::<devtree::Exit>();
    table.shown::<devtree::ProcessEnd>();
    table.shown::<devtree::NoKeeper>();
    table.shown::<devtree::Error>();
    table.shown::<devtree::TreeError>();
    table.shown::<testkit::KitError>();
    table.shown::<testkit::ReadyWhen>();
    // svsystemd
    table.closed(systemd::ErrorKind::ALL);
    table.closed(systemd::KillWhom::ALL);
    table.closed(systemd::Lifetime::ALL);
    table.closed(systemd::UnitNews::ALL);
    // Words of systemd: one that this version does not know is kept.
    let results = ["done", "canceled", "timeout", "failed", "dependency", "skipped", "invalid"];
    let more = ["assert", "unsupported", "collected", "once", "frozen", "concurrency", "missed"];
    let job = |word: &&str| word.parse::<systemd::JobResult>().unwrap();
    table.words(results.iter().chain(&more).chain(&["new"]).map(job));
    let results = ["success", "resources", "protocol", "timeout", "exit-code", "signal"];
    let more = ["core-dump", "watchdog", "start-limit-hit", "oom-kill", "exec-condition", "new"];
    let service = |word: &&str| word.parse::<systemd::ServiceResult>().unwrap();
    table.words(results.iter().chain(&more).map(service));
    table.shown::<systemd::Action>();
    table.shown::<systemd::Error>();
    table.shown::<systemd::InstallFinding>();
    table.shown::<systemd::JobOutcome>();
    let why = "several words of systemd are one";
    table.without("svsystemd", why, &["LoadState"]);
    table.without("svsystemd", "a value of any type", &["PropertyValue"]);
    table.without("svsystemd", "a part of a plan, which is shown as a whole", &["UnitPlanStep"]);
    table.without("svsystemd", "holds an outcome, or why there is none", &["RequestAnswer"]);
    table
}

#[test]
fn every_public_enum_is_read_as_it_is_written_or_is_known_to_have_no_word() {
    let table = table();
    for (of, words) in &table.words {
        println!("{}::{}: {}", of.0, of.1, words.join(" "));
    }
    let told: BTreeSet<Enum> = table.words.into_keys().chain(table.others).collect();
    let listed = listed();
    let new: Vec<&Enum> = listed.difference(&told).collect();
    let gone: Vec<&Enum> = told.difference(&listed).collect();
    assert!(new.is_empty() && gone.is_empty(), "in docs/api alone: {new:?}; here alone: {gone:?}");
}

/// Every enum of the listings of the public face.
fn listed() -> BTreeSet<Enum> {
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(api).unwrap() {
        let page = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in page.lines() {
            let Some((_, path)) = line.split_once("pub enum ") else { continue };
            let path = path.split(['<', ' ']).next().unwrap();
            let (krate, _) = path.split_once("::").unwrap();
            found.insert((krate.to_owned(), path.rsplit("::").next().unwrap().to_owned()));
        }
    }
    assert!(found.len() > 60, "{found:?}");
    found
}

#[test]
fn every_cause_is_found_by_its_word() {
    for cause in proto::cause::ALL {
        assert_eq!(cause.kind().parse(), Ok(*cause));
    }
    assert_eq!("tired".parse::<Cause>().unwrap_err().to_string(), "not the word for a cause");
}

#[test]
fn a_goal_with_a_span_is_read_as_it_is_written() {
    for text in ["up-for=0s", "up-for=2.5s", "up-for=3600s", "up-for=0.000000001s"] {
        assert_eq!(text.parse::<Goal>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_shown_says_what_it_is() {
    assert_eq!(LastExit::Exited { code: 3 }.to_string(), "exited with 3");
    assert_eq!(Readiness::Awaited.to_string(), "awaited");
    assert_eq!(Reading::NotYet.to_string(), State::New.to_string());
    assert_eq!(Liveness::Dead.to_string(), "dead");
    assert_eq!(EncoreStage::Unknown(9).to_string(), "unknown");
    assert_eq!(devtree::EventKind::Down.to_string(), "down");
}
