//! `svctl explain`: why services are not as they should be, each reason with what was seen and what helps.

use std::{
    thread,
    time::{Duration, Instant},
};

use svcmgr::{Cause, CheckAnswer, Error, ErrorKind, Explanation, Finding, Suite};

use crate::{
    args::{self, Global},
    cmd::logs,
    exit::Exit,
    json,
    names::{self, Found, NoTargets, Target},
    output::{Output, printable},
    reason, text,
    view::View,
};

/// Between two looks of `--over`.
const AGAIN: Duration = Duration::from_millis(50);
/// A look that takes longer hangs.
const LOOK_TAKES: Duration = Duration::from_secs(10);
/// So many lines of the journal are shown of a unit.
const LINES: usize = 5;
/// A probe has no more patience.
const CHECK_TAKES: Duration = Duration::from_secs(3);

pub(crate) fn run(global: &Global, explain: &args::Explain, output: &mut Output) -> Exit {
    let targets = match names::find_shown(global, &explain.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let all: Vec<Explained> =
        targets.into_iter().map(|it| Explained::of(it, global, explain)).collect();
    if output.json {
        let array: Vec<_> = all.iter().map(Explained::json).collect();
        output.json(&array);
    } else {
        for one in &all {
            one.print(output);
        }
    }
    all.iter().map(|it| it.exit).max().unwrap_or(Exit::Done)
}

/// One service, and why it is not as it should be.
struct Explained {
    view: View<'static>,
    why: Explanation,
    /// Units are those of the user.
    user: bool,
    /// The last lines in the journal, of a unit for which something is wrong.
    log: Vec<String>,
    exit: Exit,
    error: Option<Error>,
}

impl Explained {
    fn of(target: Target, global: &Global, explain: &args::Explain) -> Self {
        let Target { name, path, found } = target;
        match found.and_then(|found| why(&found, explain).map(|why| (found, why))) {
            Ok((found, mut why)) => {
                let view = match &why.status {
                    Some(seen) => View::new(&*found, seen).asking(&*found).into_owned(),
                    None => match found.status() {
                        Ok(seen) => View::new(&*found, &seen).into_owned(),
                        Err(error) => View::failed(&name, path.as_deref(), &error).into_owned(),
                    },
                };
                let exit = match (why.findings.is_empty(), &why.status) {
                    (true, Some(_)) => Exit::Done,
                    // What cannot be looked at is not well by that.
                    (true, None) => Exit::System,
                    (false, _) => Exit::Negative,
                };
                let is_unit = found.suite() == Some(Suite::Systemd) && exit == Exit::Negative;
                let log = || logs::last_of_unit(&found.name().to_string(), global.user, LINES);
                let (log, unseen) = is_unit.then(log).unwrap_or_default();
                why.unseen.extend(unseen);
                let log = log.into_iter().map(|it| it.line).collect();
                Self { view, why, log, user: global.user, exit, error: None }
            }
            Err(error) => {
                // A path that leads nowhere is a link, or nothing.
                let answers = error.kind() != ErrorKind::Unanswered;
                let link = path.as_deref().filter(|_| answers);
                let link = link.and_then(|it| Some((it, names::nowhere(it)?)));
                let error = link.map_or(error, |(link, leads_to)| Error::Dangling {
                    link: link.to_owned(),
                    leads_to,
                });
                let view = View::failed(&name, path.as_deref(), &error).into_owned();
                let mut why = Explanation::default();
                why.findings.extend(Finding::of_error(&error));
                let is_told = !why.findings.is_empty();
                let exit = if is_told { Exit::Negative } else { Exit::from(&error) };
                let (log, error) = (Vec::new(), (!is_told).then_some(error));
                Self { view, why, log, user: global.user, exit, error }
            }
        }
    }

    fn json(&self) -> json::Explained<'_> {
        let remedy = |finding: &Finding| reason::remedy(finding, &self.view, self.user);
        json::Explained::of(&self.view, &self.why, &self.log, remedy)
    }

    fn print(&self, output: &mut Output) {
        let name = self.view.shown();
        if let Some(error) = &self.error {
            output.error(error);
            return;
        }
        if self.why.findings.is_empty() && self.why.unseen.is_empty() && output.quiet {
            return;
        }
        if self.why.findings.is_empty() {
            let nothing = if self.why.unseen.is_empty() {
                "nothing is wrong"
            } else {
                "nothing is seen to be wrong"
            };
            output.line(&format!("{name}: {}; {nothing}", text::summary(&self.view)));
        } else {
            output.line(&format!("{name}: {}", text::summary(&self.view)));
        }
        for (number, finding) in self.why.findings.iter().enumerate() {
            output.line(&format!("  {}. {}", number + 1, finding));
            for evidence in &finding.evidence {
                output.line(&format!("     {evidence}"));
            }
            if let Some(remedy) = reason::remedy(finding, &self.view, self.user) {
                output.line(&format!("     try: {remedy}"));
            }
        }
        for unseen in &self.why.unseen {
            output.line(&format!("  {unseen}"));
        }
        if !self.log.is_empty() {
            output.line("  the last lines of its journal:");
        }
        for line in &self.log {
            output.line(&format!("     {}", printable(line)));
        }
    }
}

fn why(found: &Found, explain: &args::Explain) -> Result<Explanation, Error> {
    let end = explain.over.map(|span| Instant::now() + span);
    let mut why = match (end, found.directory()) {
        (Some(end), Some(service)) => service.explain_over(end)?,
        _ => look(found)?,
    };
    // Of a unit: the states between two runs show more than the moments in which a run is there.
    while end.is_some_and(|end| Instant::now() < end)
        && found.directory().is_none()
        && !is_settled(&why)
    {
        thread::sleep(AGAIN);
        why = look(found)?;
    }
    if explain.probe
        && let Some(service) = found.directory()
    {
        let finding = match service.ask_check(CHECK_TAKES)? {
            CheckAnswer::Passed | CheckAnswer::NoScript => None,
            answer => Some(answer),
        };
        if let Some(answer) = finding
            && !why.findings.iter().any(|it| it.cause == Cause::CheckNotExecutable)
        {
            why.findings.extend(Finding::of_check(answer, service));
        }
    }
    Ok(why)
}

/// Whether another look would say the same.
fn is_settled(why: &Explanation) -> bool {
    !why.findings.is_empty() && why.findings.iter().all(|it| it.cause != Cause::BackOff)
}

fn look(found: &Found) -> Result<Explanation, Error> {
    if let Some(service) = found.directory() {
        return service.explain_before(Instant::now() + LOOK_TAKES);
    }
    // A unit.
    found.explain()
}
