//! A deadline that is kept even if the system does not come back: a directory on a server that is
//! gone holds whoever looks into it for minutes or for ever, and nothing but the end of the process
//! ends that. A manager of units may take its time as well.
//!
//! A thread waits beside the work. When the deadline is over and the work is held by the system
//! (and not merely slow on a busy machine), it says so for each service that is not done, and ends
//! the process.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    exit::Exit,
    json, name,
    output::{Output, complain, printable},
    view::View,
};

/// Kept until the work is done.
pub(crate) struct Guard(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What was typed, until it is known what that means; and what came of each.
    services: Vec<(String, Option<json::Ended>)>,
    over: bool,
}

/// Work that looks at the deadline itself ends before this. A call ends within 0.2 s of its
/// deadline.
const GRACE: Duration = Duration::from_millis(150);

/// Between two looks whether busy work is held after all.
const AGAIN: Duration = Duration::from_millis(10);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    /// Watches over the work of this thread. Without a thread to be had, nobody does.
    pub(crate) fn until(
        deadline: Instant,
        typed: impl IntoIterator<Item = String>,
        output: &Output,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        shared.state().services = typed.into_iter().map(|name| (name, None)).collect();
        let (its, json, work) = (Arc::clone(&shared), output.json, work());
        let watch = move || watch(&its, deadline, json, &work);
        let _watched = std::thread::Builder::new().name("deadline".into()).spawn(watch);
        Self(shared)
    }

    /// These are what is worked on.
    pub(crate) fn found(&self, names: impl IntoIterator<Item = String>) {
        self.0.state().services = names.into_iter().map(|name| (name, None)).collect();
    }

    /// This came of one of them.
    pub(crate) fn done(&self, at: usize, outcome: json::Ended) {
        if let Some((_, done)) = self.0.state().services.get_mut(at) {
            *done = Some(outcome);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.state().over = true;
        self.0.changed.notify_all();
    }
}

fn watch(shared: &Shared, deadline: Instant, json: bool, work: &str) {
    let mut until = deadline.checked_add(GRACE).unwrap_or(deadline);
    let mut state = shared.state();
    while !state.over {
        let now = Instant::now();
        if now < until {
            let waited = shared.changed.wait_timeout(state, until - now);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else if is_held(work) {
            tell(&state.services, json);
            std::process::exit(Exit::Deadline as i32);
        } else {
            until = now + AGAIN;
        }
    }
}

/// Who has not answered of this name.
fn why(name: &str) -> &'static str {
    if svcmgr::unit_in(name.as_ref()).is_some() {
        "the deadline passed, and its manager has not answered by then"
    } else {
        "the deadline passed, and its directory does not answer"
    }
}

fn tell(services: &[(String, Option<json::Ended>)], json: bool) {
    if json {
        let views: Vec<_> = services.iter().map(|(name, _)| View::named(name)).collect();
        let became = |(name, done): &(String, Option<json::Ended>)| json::Became {
            outcome: done.unwrap_or_default(),
            says: done.is_none().then(|| why(name).to_owned()),
            ..json::Became::default()
        };
        let became: Vec<_> = services.iter().map(became).collect();
        let all = views.iter().zip(&became).map(|(view, it)| json::Result::of(view, it));
        let all: Vec<_> = all.collect();
        let text = serde_json::to_string(&all).unwrap_or_default() + "\n";
        // Nobody is left to tell that it cannot be printed.
        let _printed = nix::unistd::write(std::io::stdout(), text.as_bytes());
        return;
    }
    for (typed, done) in services {
        let name = printable(&name::shown(typed, None));
        match done {
            Some(outcome) => complain(&format!("svctl: {name}: {outcome} before that")),
            None => complain(&format!("svctl: {name}: {}", why(typed))),
        }
    }
    if services.is_empty() {
        complain("svctl: the deadline passed, and the scan directory does not answer");
    }
}

/// How the system knows this thread.
#[cfg(target_os = "linux")]
fn work() -> String {
    format!("/proc/self/task/{}/stat", nix::unistd::gettid())
}

/// Whether that thread waits in the kernel: one that computes, or waits for a processor, does not.
#[cfg(target_os = "linux")]
fn is_held(work: &str) -> bool {
    let state = std::fs::read_to_string(work).ok();
    let state = state.as_deref().and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_none_or(|state| state != 'R')
}

#[cfg(not(target_os = "linux"))]
fn work() -> String {
    String::new()
}

#[cfg(not(target_os = "linux"))]
fn is_held(_work: &str) -> bool {
    true
}
