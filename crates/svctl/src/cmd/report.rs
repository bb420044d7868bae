//! What came of a request to each service: a line, or a row with its outcome.

mod live;
mod say;

use std::{io, path::Path, time::Instant};

use svcmgr::{
    Cause, Error, ErrorKind, Finding, Goal, Outcome, OutcomeKind, ScanDir, Scanner, Service,
    Status, Suite, Supervised, UnixTime,
};

use crate::{
    exit::Exit,
    json::{self, Became, Ended},
    name,
    names::{self, Target},
    output::Output,
    reason::{Asker, whose},
    text,
    view::{Reason, View},
};

pub(crate) use live::Live;

/// What came of a request to one service.
#[allow(clippy::large_enum_variant, reason = "on 64 bits; nearly all of them are of the largest")]
pub(crate) enum Done {
    /// The request of this name, and whether it changes something.
    Sent(String, Option<bool>),
    /// The request of this name was not sent: there is no process to do anything about.
    NotUp(String),
    /// Nothing was asked, because the service of this name, which it waits for, is not as it needs it.
    Held(String),
    /// Nothing was asked, because the deadline passed before it was its turn.
    Late,
    Waited(Outcome),
}

impl Done {
    /// In a word of the JSON.
    pub(crate) fn ended(&self) -> Ended {
        match self {
            Self::Sent(..) => Ended::Sent,
            Self::NotUp(_) | Self::Held(_) => Ended::Never,
            Self::Late => Ended::Deadline,
            Self::Waited(outcome) => outcome.kind().into(),
        }
    }
}

/// What was waited for.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) goal: Goal,
    /// What was asked for; `None` for a wait alone.
    pub(crate) word: Option<&'static str>,
    /// When.
    pub(crate) at: UnixTime,
    /// Until when it was waited for, if it was.
    pub(crate) deadline: Option<Instant>,
    /// Units are those of the user.
    pub(crate) user: bool,
}

impl Asked {
    /// Whether it is so where nothing is.
    fn is_met_by_nothing(&self) -> bool {
        self.word.is_none() && matches!(self.goal, Goal::Gone | Goal::Down)
    }
}

/// Whether a name is none of an entry of a directory that is there.
fn is_nowhere(target: &Target) -> bool {
    let is_missing = |error: &Error| error.kind() == ErrorKind::NotFound;
    let entry = target.path.as_deref().filter(|_| target.found.as_ref().is_err_and(is_missing));
    let is_gone = |entry: &Path| {
        entry.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && names::scan_dir_of(entry).is_some_and(|dir| dir.is_dir())
    };
    entry.is_some_and(is_gone)
}

/// Tells of every target, in order. `results` are those of the targets that could be used. With
/// `live`, of those that it has not told of.
pub(crate) fn report(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    asked: Asked,
    live: Option<Live>,
    output: &mut Output,
) -> Exit {
    if let Some(live) = live {
        return live.finish(targets, results, output);
    }
    let told = tell_all(targets, results, asked);
    let exit = told.iter().map(|told| told.exit).max().unwrap_or(Exit::Done);
    print(&told, asked.user, output);
    exit
}

/// As [`report`], where one service that reached the goal is enough.
pub(crate) fn report_any(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    asked: Asked,
    live: Option<Live>,
    output: &mut Output,
) -> Exit {
    if let Some(live) = live {
        return live.finish(targets, results, output);
    }
    let told = tell_all(targets, results, asked);
    let exit = told.iter().map(|told| told.exit).min().unwrap_or(Exit::Done);
    if output.json || exit != Exit::Done {
        print(&told, asked.user, output);
    } else {
        let reached: Vec<Told> = told.into_iter().filter(|told| told.exit == Exit::Done).collect();
        print(&reached, asked.user, output);
    }
    exit
}

/// What has not come as far as it was to: all of it in the words of what came of it, with the first reason.
pub(crate) fn shortfall(
    service: &dyn Supervised,
    outcome: &Outcome,
    asked: Asked,
) -> (Became, Exit) {
    let asker = Asker::of(1, asked.user).by(asked.deadline);
    let told = waited(service, outcome, asked).reasoned(service, &asker);
    let reason = told.view.reason.as_ref().map(|it| it.finding.to_string());
    let more = reason.filter(|it| !told.words.contains(&**it));
    let says = more.map_or_else(|| told.words.clone(), |it| format!("{}; {it}", told.words));
    (Became { says: Some(says), ..told.became }, told.exit)
}

fn tell_all(targets: Vec<Target>, results: Vec<Result<Done, Error>>, asked: Asked) -> Vec<Told> {
    let mut results = results.into_iter();
    let asker = Asker::of(targets.len(), asked.user).by(asked.deadline);
    let mut all = Vec::new();
    for target in targets {
        let is_gone = asked.is_met_by_nothing() && is_nowhere(&target);
        all.push(match target.found {
            Ok(service) => match results.next() {
                Some(Ok(done)) => tell(&*service, &done, asked).reasoned(&*service, &asker),
                Some(Err(error)) => Told::failed_for(&*service, error).reasoned(&*service, &asker),
                // Every service that could be used has a result.
                None => continue,
            },
            Err(error) => {
                let view = View::failed(&target.name, target.path.as_deref(), &error);
                if is_gone { Told::gone(view) } else { Told::failed(view, error) }
            }
        });
    }
    all
}

fn print(all: &[Told], user: bool, output: &mut Output) {
    if output.json {
        let array: Vec<_> = all.iter().map(Told::json).collect();
        output.json(&array);
    } else {
        output.together(|output| {
            for told in all {
                told.print(told.error.as_ref(), user, output);
            }
        });
    }
}

/// What to say about one service.
struct Told {
    view: View<'static>,
    became: Became,
    /// The same as a sentence of its own.
    words: String,
    exit: Exit,
    error: Option<Error>,
    hint: Option<String>,
}

impl Told {
    /// What was asked was not done; how the service stands can be said all the same.
    fn failed_for(service: &dyn Supervised, error: Error) -> Self {
        let told = Self::unable(service, &error);
        Self { error: Some(error), ..told }
    }

    /// The same, where somebody else has the error.
    fn unable(service: &dyn Supervised, error: &Error) -> Self {
        let name = service.name();
        let view = match error.kind() {
            // To look at it once more would take as long.
            ErrorKind::Unanswered | ErrorKind::NoAnswer => {
                View::failed(&name.to_string(), None, error)
            }
            _ => View::failed_for(service, error),
        };
        let hint = match error.kind() {
            ErrorKind::NotSupervised => still_to_come(service),
            _ => None,
        };
        let (became, exit) = (Became::failed(error), Exit::from(error));
        Self { view: view.into_owned(), became, words: String::new(), exit, error: None, hint }
    }

    fn failed(view: View<'_>, error: Error) -> Self {
        let (became, exit) = (Became::failed(&error), Exit::from(&error));
        Self {
            view: view.into_owned(),
            became,
            words: String::new(),
            exit,
            error: Some(error),
            hint: None,
        }
    }

    /// The same, with the first reason why it is not as it was asked to be.
    fn reasoned(self, service: &dyn Supervised, asker: &Asker) -> Self {
        let is_unanswered =
            self.error.as_ref().is_some_and(|it| it.kind() == ErrorKind::Unanswered);
        let is_up = self.view.state() != Some(svcmgr::State::Backoff);
        let is_done = self.exit == Exit::Done && (is_up || self.became.outcome == Ended::Sent);
        if is_done || is_unanswered {
            return self;
        }
        let reason = self.reason_told().or_else(|| asker.insist(service, &self.view));
        Self { view: View { reason: reason.map(Box::new), ..self.view }, ..self }
    }

    /// The reason where its supervisor has told all that there is to it: which assertion of a unit has
    /// failed. Nothing lies deeper, so nothing is asked.
    fn reason_told(&self) -> Option<Reason> {
        let is_all = self.became.why == Some(Cause::Assertion.kind());
        let about = self.words_of_cause(Cause::Assertion).filter(|_| is_all)?;
        Some(Reason { finding: Finding::told(Cause::Assertion, about), remedy: None })
    }

    /// What a cause is about, of the sentence that was told.
    fn words_of_cause(&self, cause: Cause) -> Option<String> {
        const MARK: &str = "\0";
        let sentence = cause.about(MARK).to_string();
        let (before, after) = sentence.split_once(MARK)?;
        let about = self.became.says.as_deref()?.strip_prefix(before)?.strip_suffix(after)?;
        Some(about.to_owned())
    }

    /// Nobody supervises what is not there.
    fn gone(view: View<'_>) -> Self {
        let view = View { status: Some(Status::unsupervised()), error: None, ..view }.into_owned();
        let became = Became { outcome: Ended::Already, ..Became::default() };
        let words =
            "already gone: nothing of that name is there, and no supervisor of it".to_owned();
        Self { view, became, words, exit: Exit::Done, error: None, hint: None }
    }

    fn json(&self) -> json::Result<'_> {
        json::Result::of(&self.view, &self.became)
    }

    /// `error` is why it was not done, where it was not.
    fn print(&self, error: Option<&Error>, user: bool, output: &mut Output) {
        let name = self.view.shown();
        match error {
            Some(error) => match &self.hint {
                Some(hint) => output.failure(error, Some(hint)),
                None => output.error(error),
            },
            None if self.became.outcome.is_complaint() => {
                let hint = self.hint.as_ref().map(|hint| format!("\n  hint: {hint}"));
                output.message(&format!("{name}: {}{}", self.words, hint.unwrap_or_default()));
            }
            None if output.quiet => (),
            None => output.line(&format!("{name}: {}", self.words)),
        }
        self.print_reason(output);
        let seen = self.view.status.as_ref();
        if seen.is_some_and(|seen| seen.odd().is_definition_newer == Some(true)) {
            output.message(&format!(
                "{name}: its files are newer than what systemd has loaded\n  hint: \
                 `svctl{} daemon-reload` reads them; what runs is as before until it is restarted",
                whose(user)
            ));
        }
    }
}

impl Told {
    fn print_reason(&self, output: &mut Output) {
        let Some(reason) = &self.view.reason else { return };
        let why = reason.finding.to_string();
        if self.words.contains(&why) {
            return;
        }
        let remedy = reason.remedy.as_ref().map(|it| format!("\n  hint: {it}")).unwrap_or_default();
        output.message(&format!("{}: {why}{remedy}", self.view.shown()));
    }
}

fn tell(service: &dyn Supervised, done: &Done, asked: Asked) -> Told {
    match done {
        // How it stands right after; a request may not be read yet.
        Done::Sent(op, changed) => {
            let became = Became { outcome: Ended::Sent, changed: *changed, ..Became::default() };
            let change = match changed {
                Some(true) => "",
                Some(false) => ", which changes nothing",
                None => "; whether that changes something is not known",
            };
            unwaited(service, became, &format!("sent `{op}`{change}"), Exit::Done)
        }
        Done::NotUp(op) => {
            let says = format!("it {}", Cause::NotUp);
            let words = format!("{says}, so `{op}` was not sent");
            let became = Became {
                outcome: Ended::Never,
                changed: Some(false),
                why: Some(Cause::NotUp.kind()),
                says: Some(says),
                ..Became::default()
            };
            unwaited(service, became, &words, Exit::Negative)
        }
        Done::Held(by) => {
            let says = Cause::Dependency.about(by).to_string();
            let words = format!("nothing was asked: {says}");
            let became = Became {
                outcome: Ended::Never,
                changed: Some(false),
                why: Some(Cause::Dependency.kind()),
                says: Some(says),
                ..Became::default()
            };
            unwaited(service, became, &words, Exit::Negative)
        }
        Done::Late => {
            let became = Became {
                outcome: Ended::Deadline,
                changed: Some(false),
                says: Some(NO_TURN.to_owned()),
                ..Became::default()
            };
            unwaited(service, became, NO_TURN, Exit::Deadline)
        }
        Done::Waited(outcome) => waited(service, outcome, asked),
    }
}

const NO_TURN: &str = "the deadline passed before its turn, and nothing was asked";

/// What came of what was waited for.
fn waited(service: &dyn Supervised, outcome: &Outcome, asked: Asked) -> Told {
    let Asked { goal, word, at, user, .. } = asked;
    let mut became = Became::of(outcome);
    let seen = outcome.status().filter(|_| outcome.kind() != OutcomeKind::NotAsked);
    let Some(seen) = seen else {
        // To look at many takes time, and the time is over.
        let words = NO_TURN;
        became.changed = word.map(|_| false);
        became.says = Some(words.to_owned());
        return match outcome.status() {
            Some(seen) => {
                let view = View::new(service, seen).into_owned();
                let (words, exit) = (words.to_owned(), Exit::Deadline);
                Told { view, became, words, exit, error: None, hint: None }
            }
            // Its manager has not come to it, and would not sooner now.
            None if service.directory().is_none() => {
                let name = service.name().to_string();
                let view = View { suite: service.suite(), ..View::named(&name) }.into_owned();
                let (words, exit) = (words.to_owned(), Exit::Deadline);
                Told { view, became, words, exit, error: None, hint: None }
            }
            None => unwaited(service, became, words, Exit::Deadline),
        };
    };
    let view = View::new(service, seen).into_owned();
    let took = outcome.took().as_secs_f64();
    let asked_ago = || at.elapsed(UnixTime::now());
    let (words, exit) = match (outcome.why(), outcome.reason()) {
        (Some(cause), Some(why)) if outcome.kind() == OutcomeKind::Skipped => {
            let is_well = cause.severity() == svcmgr::proto::cause::Severity::Note;
            (format!("skipped: {why}"), if is_well { Exit::Done } else { Exit::Negative })
        }
        (Some(_), Some(why)) if outcome.kind() == OutcomeKind::Deadline => {
            let now = text::summary(&view);
            (format!("the deadline passed: {why}; now {now}"), Exit::Deadline)
        }
        (Some(cause), Some(why)) => {
            let is_alone = cause == Cause::Unsupervised;
            let exit = if is_alone { Exit::Unsupervised } else { Exit::Negative };
            (say::never(&view, goal, &why, took), exit)
        }
        _ if outcome.is_reached() && word == Some("reload") => {
            let words = match outcome.word() {
                Some(_) => format!("reloaded after {}", text::time(took)),
                // Nobody tells whether it was read.
                None => "sent `reload`".to_owned(),
            };
            (words, Exit::Done)
        }
        // Its supervisor knows more than a look shows.
        (None, Some(how)) if outcome.is_reached() => {
            (format!("{how} (after {})", text::time(took)), Exit::Done)
        }
        _ if outcome.is_reached() => {
            (say::reached(&view, goal, took, asked_ago(), outcome.changed()), Exit::Done)
        }
        _ => {
            let read = outcome.was_read();
            became.says = Some(overdue(word, read));
            (say::overdue(&view, goal, word.map(|it| (it, read)), asked_ago()), Exit::Deadline)
        }
    };
    let stays_away = (word == Some("exit") && outcome.is_reached()).then(|| comes_back(service));
    let is_late = outcome.kind() == OutcomeKind::Deadline;
    let is_unit = service.suite() == Some(Suite::Systemd);
    let hint = match outcome.why() {
        Some(Cause::Unsupervised) if is_late => not_taken_up(service),
        Some(cause) => hint(cause, view.shown(), user, is_unit),
        None => None,
    };
    let words = words + &stays_away.flatten().unwrap_or_default();
    let is_short = matches!(outcome.kind(), OutcomeKind::Never | OutcomeKind::Deadline);
    let words = match outcome.changed().filter(|_| is_short && word.is_some()) {
        Some(true) => words + "; something has changed",
        Some(false) => words + "; nothing has changed",
        None => words,
    };
    Told { view, became, words, exit, error: None, hint }
}

/// What to do about a cause, where that is certain.
fn hint(cause: Cause, name: &str, user: bool, is_unit: bool) -> Option<String> {
    let user = whose(user);
    Some(match cause {
        Cause::StartLimit => format!("`svctl{user} reset-failed {name}` lets it be started again"),
        Cause::Masked => format!("`svctl{user} unmask {name}` lets it be started"),
        Cause::BadDefinition => {
            format!("`systemd-analyze{user} verify {name}` says what is wrong with it")
        }
        Cause::Paused => format!("svctl{user} cont {name}"),
        Cause::NotObeyed => {
            "--kill-after 10s sends SIGKILL to what has not obeyed by then".to_owned()
        }
        Cause::NoReadiness if is_unit => {
            "`--for up-for=5s` waits until it has been up for so long; \
                                          with `Type=notify` a service says when it is ready"
                .to_owned()
        }
        Cause::NoReadiness => {
            "`--for up-for=5s` waits until it has been up for so long; under runit a script \
                               `check` makes it say when it is ready"
                .to_owned()
        }
        Cause::Frozen => format!("`systemctl{user} thaw {name}` lets it go on"),
        _ => return None,
    })
}

/// What to say of a supervisor that was ended below a scanner.
fn comes_back(service: &dyn Supervised) -> Option<String> {
    let entry = service.directory()?.dir();
    let scan_dir = names::scan_dir_of(entry)?;
    ScanDir::new(scan_dir).has_scanner().then(|| {
        let is_link = entry.symlink_metadata().is_ok_and(|it| it.is_symlink());
        let away = if is_link {
            "`svctl disable` keeps it away"
        } else {
            "`svctl down --persist` keeps it down"
        };
        format!("; its scanner will start it again, and {away}")
    })
}

/// What to do where nobody supervises a service whose scanner runs.
fn still_to_come(service: &dyn Supervised) -> Option<String> {
    let scan_dir = names::scan_dir_of(service.directory()?.dir())?;
    let name = name::shown(&service.name().to_string_lossy(), None);
    ScanDir::new(scan_dir).has_scanner().then(|| {
        format!("its scanner has not taken it up yet; `svctl wait --for supervised {name}` waits for that")
    })
}

/// Why a scanner that runs has not taken a service up.
fn not_taken_up(service: &dyn Supervised) -> Option<String> {
    let scan_dir = names::scan_dir_of(service.directory()?.dir())?;
    let scanner = ScanDir::new(&scan_dir).scanner();
    matches!(scanner, Ok(Scanner::Listens)).then(|| {
        let dir = scan_dir.display();
        format!("`s6-svscan` looks when it is told to: `s6-svscanctl -a {dir}`, or `svctl enable`")
    })
}

/// Whether the supervisor is known to have read the request.
fn overdue(word: Option<&str>, acknowledged: bool) -> String {
    match (word, acknowledged) {
        (None, _) => "the deadline passed".to_owned(),
        (Some(word), true) => {
            format!("`{word}` was read, and the deadline passed before it was done")
        }
        (Some(word), false) => {
            format!("the deadline passed without a sign that the supervisor has read `{word}`")
        }
    }
}

fn unwaited(service: &dyn Supervised, became: Became, words: &str, exit: Exit) -> Told {
    match service.status() {
        Ok(seen) => {
            let view = View::new(service, &seen).into_owned();
            Told { view, became, words: words.to_owned(), exit, error: None, hint: None }
        }
        Err(error) => {
            let path = service.directory().map(Service::dir);
            Told::failed(View::failed(&service.name().to_string_lossy(), path, &error), error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Waker, time::Duration};

    use svcmgr::{Bulk, Intent, Name, Pending, Request, Subscription, Suite, Support};

    use super::*;

    /// A unit whose manager has not come to it.
    #[derive(Clone)]
    struct Late;

    impl Supervised for Late {
        fn name(&self) -> Name<'_> {
            Name::new("web.service")
        }

        fn suite(&self) -> Option<Suite> {
            Some(Suite::Systemd)
        }

        fn support(&self, _intent: &Intent) -> Support {
            Support::Yes
        }

        fn status(&self) -> Result<Status, Error> {
            panic!("it is asked after the deadline")
        }

        fn request(&self, _intent: &Intent) -> Result<Pending, Error> {
            panic!("it is asked after the deadline")
        }

        fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
            panic!("it is asked after the deadline")
        }

        fn explain(&self) -> Result<svcmgr::Explanation, Error> {
            panic!("it is asked after the deadline, and for how long it takes")
        }

        fn explain_before(&self, deadline: Instant) -> Result<svcmgr::Explanation, Error> {
            assert!(deadline <= Instant::now() + Duration::from_millis(100));
            Ok(svcmgr::Explanation::default())
        }
    }

    #[test]
    fn a_unit_that_had_no_turn_is_not_asked_after_the_deadline() {
        let deadline = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        for (request, word) in [(Request::up(), Some("up")), (Request::wait(Goal::Up), None)] {
            let outcome = Bulk::new(&[Late]).pursue(&request, deadline).unwrap().remove(0).unwrap();
            let (at, deadline) = (UnixTime::now(), Some(deadline));
            let asked = Asked { goal: request.goal(), word, at, deadline, user: false };
            let asker = Asker::of(1, false).by(asked.deadline);
            let told = tell(&Late, &Done::Waited(outcome), asked).reasoned(&Late, &asker);
            assert_eq!((told.exit, told.became.outcome), (Exit::Deadline, Ended::Deadline));
            assert_eq!(told.view.suite, Some(Suite::Systemd));
        }
    }
}
