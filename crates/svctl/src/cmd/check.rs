//! `svctl check`: are services healthy, in one line and an exit code.
//!
//! Without a name, a service of the scan directory passes if it stands as it is wanted; one that is
//! named must be up.

use svcmgr::{Readiness, State, Status, Want};

use crate::{
    args::{self, Global},
    exit::Exit,
    json,
    names::{self, NoTargets, Target},
    output::Output,
    text,
    view::View,
};

pub(crate) fn run(global: &Global, check: &args::Check, output: &mut Output) -> Exit {
    let targets = match names::find(global, &check.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let found: Vec<Found> = targets.into_iter().map(|target| look(target, check)).collect();
    let exit = found.iter().map(|found| found.exit).max().unwrap_or(Exit::Done);
    if output.json {
        let array: Vec<_> = found.iter().map(Found::json).collect();
        output.json(&array);
    } else {
        for found in &found {
            found.print(output);
        }
    }
    exit
}

/// One service, and what is wrong with it.
struct Found {
    view: View<'static>,
    complaints: Vec<String>,
    exit: Exit,
}

impl Found {
    fn json(&self) -> json::Checked<'_> {
        let ok = self.exit == Exit::Done;
        json::Checked::of(&self.view, ok, &self.complaints)
    }

    /// What is well is not worth a line on its own.
    fn print(&self, output: &mut Output) {
        let name = self.view.shown();
        if self.exit != Exit::Done {
            let complaints = self.complaints.join("; ");
            output.message(&format!("{name}: {complaints}"));
        } else if !output.quiet {
            output.line(&format!("{name}: ok, {}", text::summary(&self.view)));
        }
    }
}

fn look(target: Target, check: &args::Check) -> Found {
    let Target { name, path, found } = target;
    let result = found.and_then(|found| found.status().map(|seen| (found, seen)));
    match result {
        Ok((found, observation)) => {
            // A unit that runs was not asked for its restarts.
            let is_asked = check.max_restarts.is_some() && observation.restarts().is_none();
            let observation =
                if is_asked { found.looked_closer(&observation) } else { observation };
            let view = View::new(&*found, &observation).into_owned();
            let complaints = complaints(&observation, &view, check);
            let exit = match (complaints.is_empty(), view.supervised()) {
                (true, _) => Exit::Done,
                (false, Some(false)) => Exit::Unsupervised,
                (false, _) => Exit::Negative,
            };
            Found { view, complaints, exit }
        }
        Err(error) => {
            let view = View::failed(&name, path.as_deref(), &error).into_owned();
            let complaints = view.error.iter().cloned().collect();
            Found { view, complaints, exit: Exit::from(&error) }
        }
    }
}

fn complaints(observation: &Status, view: &View<'_>, check: &args::Check) -> Vec<String> {
    let Some(status) = observation.facts() else {
        return vec![text::state(view).to_owned()];
    };
    let mut complaints = Vec::new();
    // It has done what it had to, and its supervisor takes it for up from then on (systemd).
    let is_held = status.state() == State::Exited && status.want == Some(Want::Up);
    let is_up = is_held || matches!(status.state(), State::Up | State::Ready);
    // Nobody asked for it by name, and nobody wants it up.
    let may_be_down = check.services.is_empty()
        && status.want != Some(Want::Up)
        && matches!(status.state(), State::Down | State::Exited);
    if may_be_down {
        return complaints;
    }
    if !is_up {
        complaints.push(text::summary(view));
    } else if check.ready {
        match status.readiness {
            Readiness::Ready { .. } => (),
            Readiness::NotReported => complaints.push("does not say whether it is ready".into()),
            Readiness::NotReady | Readiness::Awaited => complaints.push("not ready".into()),
        }
    }
    if let Some(span) = check.up_for.filter(|_| is_up)
        && view.uptime().is_none_or(|uptime| uptime < span)
    {
        let up = view.uptime().map(|up| text::span(up.as_secs_f64())).unwrap_or_default();
        complaints.push(format!("up for {up} only"));
    }
    if let Some(limit) = check.max_restarts {
        match observation.restarts() {
            Some(count) if count <= limit => (),
            Some(count) => complaints.push(format!("ended {count} times")),
            None => complaints.push("its supervisor does not tell how often it ended".into()),
        }
    }
    complaints
}
