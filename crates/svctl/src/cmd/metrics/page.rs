//! What is printed: families of metrics, each with the samples of all services.
//!
//! Source: OpenMetrics 1.0 (openmetrics.io), and Prometheus' text format 0.0.4, which has neither sets of states nor
//! an end. In both a value of a label has `\\`, `\"` and `\n` for what stands behind the backslash.

use std::fmt::Write;

use svcmgr::{LastExit, Normally, State, Suite, Want};

use crate::view::View;

/// Who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// OpenMetrics.
    Open,
    /// The text format of before.
    Text,
}

/// States that a service of any suite may have; others are printed where they are.
const STATES: [State; 11] = [
    State::Down,
    State::Starting,
    State::Up,
    State::Ready,
    State::Paused,
    State::Stopping,
    State::Finishing,
    State::Backoff,
    State::Failed,
    State::Exited,
    State::Unsupervised,
];

/// What is printed of a service.
#[derive(Debug)]
pub(super) struct Known {
    /// `service="web",path="/etc/service/web"`.
    labels: String,
    suite: Option<Suite>,
    /// `None` where it cannot be read.
    state: Option<State>,
    pub(super) has_process: bool,
    want: Option<Want>,
    ready: Option<bool>,
    restarts: Option<u64>,
    exit: Option<LastExit>,
    /// When its process started or died, in seconds of Unix time.
    since: Option<f64>,
    /// How long it has been so is counted from then, and `Page` knows what time it is.
    odd: Vec<&'static str>,
    pub(super) logger_up: Option<bool>,
    normally: Option<Normally>,
    /// Of the service, without what else is in the labels.
    name: String,
}

impl Known {
    pub(super) fn of(view: &View<'_>) -> Self {
        let name = escaped(&view.service);
        let path = view.path.as_deref().map(|path| crate::name::absolute(path));
        let path = path.map(|path| escaped(&path.to_string_lossy()));
        let labels = match path {
            Some(path) => format!("service=\"{name}\",path=\"{path}\""),
            None => format!("service=\"{name}\""),
        };
        let status = view.status.as_ref();
        let odd = status.map(|seen| seen.odd().causes(view.at)).unwrap_or_default();
        let mut odd: Vec<_> = odd.iter().map(|(cause, _)| cause.kind()).collect();
        odd.sort_unstable();
        odd.dedup();
        Self {
            labels,
            suite: status.and_then(svcmgr::Status::suite).or(view.suite),
            // What has an error beside its status is read well enough.
            state: view.state(),
            has_process: view.pid().is_some(),
            want: view.want(),
            ready: view.ready(),
            restarts: status.and_then(svcmgr::Status::restarts),
            exit: view.exit(),
            since: view.facts().and_then(|facts| facts.since).map(seconds),
            odd,
            logger_up: view.log.map(|log| matches!(log.state, Some(State::Up | State::Ready))),
            normally: status.and_then(svcmgr::Status::normally),
            name,
        }
    }
}

/// Seconds of Unix time, with what is below them as precise as a number of the formats is.
#[expect(clippy::cast_precision_loss, reason = "in a hundred million years")]
fn seconds(time: svcmgr::UnixTime) -> f64 {
    time.secs() as f64 + f64::from(time.nanos()) / 1e9
}

/// A value of a label.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => safe.push_str("\\\\"),
            '"' => safe.push_str("\\\""),
            '\n' => safe.push_str("\\n"),
            c => safe.push(c),
        }
    }
    safe
}

/// A page that grows.
pub(super) struct Page {
    form: Form,
    text: String,
    now: f64,
}

impl Page {
    pub(super) fn new(form: Form) -> Self {
        let now = svcmgr::UnixTime::now();
        Self { form, text: String::new(), now: seconds(now) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// All families, and the end.
    pub(super) fn write<'a>(
        &mut self,
        all: &(impl Iterator<Item = &'a Known> + Clone),
        compat: bool,
    ) {
        self.family("svctl_service", "info", "A service and the suite whose rules it obeys.");
        for it in all.clone() {
            let suite = it.suite.map_or("", Suite::name);
            self.put(&format_args!("svctl_service_info{{{},suite=\"{suite}\"}} 1", it.labels));
        }
        self.family(
            "svctl_service_state",
            "stateset",
            "The state in one word; none is 1 where it cannot be read.",
        );
        for it in all.clone() {
            let other = it.state.filter(|state| !STATES.contains(state));
            for state in STATES.into_iter().chain(other) {
                let is_so = u8::from(it.state == Some(state));
                let (labels, word) = (&it.labels, state.name());
                self.put(&format_args!(
                    "svctl_service_state{{{labels},svctl_service_state=\"{word}\"}} {is_so}"
                ));
            }
        }
        self.gauge("svctl_service_up", "Whether it has a process.", all.clone(), |it| {
            it.state.map(|_| f64::from(u8::from(it.has_process)))
        });
        self.gauge(
            "svctl_service_wanted_up",
            "Whether it is wanted up, where that is told.",
            all.clone(),
            |it| it.want.map(|want| f64::from(u8::from(want != Want::Down))),
        );
        self.gauge(
            "svctl_service_ready",
            "Whether it said that it is ready, where it does.",
            all.clone(),
            |it| it.ready.map(|ready| f64::from(u8::from(ready))),
        );
        self.counter(all.clone());
        self.gauge(
            "svctl_service_last_exit_code",
            "The exit code of its last run.",
            all.clone(),
            |it| match it.exit? {
                LastExit::Exited { code } => Some(f64::from(code)),
                _ => None,
            },
        );
        self.gauge(
            "svctl_service_last_exit_signal",
            "The signal that ended its last run.",
            all.clone(),
            |it| match it.exit? {
                LastExit::Signaled { signal, .. } => Some(f64::from(signal)),
                _ => None,
            },
        );
        self.gauge(
            "svctl_service_start_time_seconds",
            "When its process started.",
            all.clone(),
            |it| it.since.filter(|_| it.has_process),
        );
        let now = self.now;
        self.gauge(
            "svctl_service_state_seconds",
            "How long ago its process started or died.",
            all.clone(),
            |it| it.since.map(|since| (now - since).max(0.0)),
        );
        self.family(
            "svctl_service_odd",
            "gauge",
            "What is odd about it, as status has it in its notes.",
        );
        for it in all.clone() {
            for kind in &it.odd {
                self.put(&format_args!("svctl_service_odd{{{},kind=\"{kind}\"}} 1", it.labels));
            }
        }
        self.gauge(
            "svctl_service_logger_up",
            "Whether its logger is up, where it has one.",
            all.clone(),
            |it| it.logger_up.map(|is_up| f64::from(u8::from(is_up))),
        );
        self.gauge(
            "svctl_service_unreadable",
            "Whether it could not be read.",
            all.clone(),
            |it| Some(f64::from(u8::from(it.state.is_none()))),
        );
        if compat {
            self.compat(all);
        }
        if self.form == Form::Open {
            self.text.push_str("# EOF\n");
        }
    }

    /// The names and numbers of `node_exporter`'s runit collector.
    fn compat<'a>(&mut self, all: &(impl Iterator<Item = &'a Known> + Clone)) {
        let of_name =
            |page: &mut Self, name: &str, help: &str, value: &dyn Fn(&Known) -> Option<f64>| {
                page.family(name, "gauge", help);
                for it in all.clone() {
                    if let Some(value) = value(it) {
                        page.put(&format_args!("{name}{{service=\"{}\"}} {value}", it.name));
                    }
                }
            };
        of_name(self, "node_service_desired_state", "Desired state of runit service.", &|it| {
            it.want.map(|want| f64::from(u8::from(want != Want::Down)))
        });
        of_name(self, "node_service_normal_state", "Normal state of runit service.", &|it| {
            it.normally.map(|normally| f64::from(u8::from(normally == Normally::Up)))
        });
        of_name(self, "node_service_state", "State of runit service.", &|it| {
            it.state.filter(|state| *state != State::Unsupervised).map(|state| match state {
                State::Finishing => 2.0,
                _ => f64::from(u8::from(it.has_process)),
            })
        });
        let name = "node_service_state_last_change_timestamp_seconds";
        of_name(self, name, "Unix timestamp of the last runit service state change.", &|it| {
            it.since
        });
    }

    fn gauge<'a>(
        &mut self,
        name: &str,
        help: &str,
        all: impl Iterator<Item = &'a Known>,
        value: impl Fn(&Known) -> Option<f64>,
    ) {
        self.family(name, "gauge", help);
        for it in all {
            if let Some(value) = value(it) {
                self.put(&format_args!("{name}{{{}}} {value}", it.labels));
            }
        }
    }

    fn counter<'a>(&mut self, all: impl Iterator<Item = &'a Known>) {
        let name = "svctl_service_restarts";
        // Only OpenMetrics names the family without what its samples end in.
        let family = if self.form == Form::Open { name } else { "svctl_service_restarts_total" };
        self.family(
            family,
            "counter",
            "How often it was started again or ended, where its supervisor counts.",
        );
        for it in all {
            if let Some(restarts) = it.restarts {
                self.put(&format_args!("{name}_total{{{}}} {restarts}", it.labels));
            }
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let (name, kind) = match (self.form, kind) {
            (Form::Text, "info") => (format!("{name}_info"), "gauge"),
            (Form::Text, "stateset") => (name.to_owned(), "gauge"),
            _ => (name.to_owned(), kind),
        };
        self.put(&format_args!("# HELP {name} {help}"));
        self.put(&format_args!("# TYPE {name} {kind}"));
    }

    fn put(&mut self, line: &std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _written = self.text.write_fmt(*line);
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use svcmgr::{Pid, Status, UnixTime};

    use super::*;

    fn page(form: Form, compat: bool) -> String {
        let status = Status::up(Pid::new(7).unwrap(), UnixTime::EPOCH).with_restarts(3);
        let name = "a\"b\\c\nd";
        let up = View { status: Some(status), ..View::named(name) };
        let unreadable = View::named("gone");
        let known = [Known::of(&up), Known::of(&unreadable)];
        let mut page = Page { form, text: String::new(), now: 12.5 };
        page.write(&known.iter(), compat);
        page.text
    }

    #[test]
    fn names_cannot_forge_a_line_or_a_label() {
        let text = page(Form::Open, false);
        assert!(text.contains(r#"svctl_service_up{service="a\"b\\c\nd"} 1"#), "{text}");
        for line in text.lines() {
            assert!(line.starts_with('#') || line.starts_with("svctl_service"), "{line}");
        }
    }

    #[test]
    fn each_format_has_its_own_kinds() {
        let (open, text) = (page(Form::Open, false), page(Form::Text, true));
        for line in [
            "# TYPE svctl_service info",
            "# TYPE svctl_service_state stateset",
            "# TYPE svctl_service_restarts counter",
            "svctl_service_state_seconds{service=\"a\\\"b\\\\c\\nd\"} 12.5",
            "svctl_service_unreadable{service=\"gone\"} 1",
            "svctl_service_unreadable{service=\"a\\\"b\\\\c\\nd\"} 0",
        ] {
            assert!(open.lines().any(|it| it == line), "{line}: {open}");
        }
        assert!(open.ends_with("# EOF\n") && !open.contains("node_"));
        for line in [
            "# TYPE svctl_service_info gauge",
            "# TYPE svctl_service_state gauge",
            "# TYPE svctl_service_restarts_total counter",
            "node_service_state{service=\"a\\\"b\\\\c\\nd\"} 1",
            "node_service_desired_state{service=\"a\\\"b\\\\c\\nd\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
        assert!(!text.contains("EOF") && !text.contains("stateset"));
    }

    #[test]
    fn one_state_is_1_and_none_of_what_cannot_be_read() {
        let text = page(Form::Open, false);
        let of = |name: &str| {
            let states = text.lines().filter(|line| line.starts_with("svctl_service_state{"));
            let states = states.filter(move |line| line.contains(name));
            states.filter(|line| line.ends_with(" 1")).map(str::to_owned).collect::<Vec<_>>()
        };
        let up = of("a\\\"b");
        assert!(up.len() == 1 && up[0].contains("svctl_service_state=\"up\""), "{up:?}");
        assert!(of("gone").is_empty());
    }
}
