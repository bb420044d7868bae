//! What is known of services before they are asked for anything: that they are watched, how they stand,
//! and what keeps them down. Where somebody answers for several, that takes a question to all of them
//! and not one to each.

use std::collections::BTreeMap;

use svproto::{Cause, State, goal::Goal};

use super::{
    Request,
    look::whom,
    world::{Added, World},
};
use crate::{Error, Name, Service, Status, Supervised, WatchKey, supervised::together};

/// What keeps a service down, and what that is about.
type Obstacle = Option<(Cause, String)>;

/// What was found out about a service together with others.
#[derive(Default)]
pub(super) struct Together {
    added: Option<Result<Added, Error>>,
    obstacle: Option<Obstacle>,
}

/// What is known of one service.
pub(super) struct Baseline {
    /// `None` for a service that cannot be watched.
    pub(super) key: Option<WatchKey>,
    /// The service directory, if it is one.
    pub(super) directory: Option<Service>,
    pub(super) seen: Result<Status, Error>,
    /// What keeps it down, where that was asked together with others.
    obstacle: Option<Obstacle>,
}

/// Whether a wait may be one for nothing: nothing is asked, and it is down.
fn may_be_kept(request: &Request, seen: &Status) -> bool {
    let is_down = matches!(seen.state(), State::Down | State::Failed);
    let needs_a_process =
        matches!(request.goals().0, Goal::Up | Goal::Ready | Goal::ReadyOrUp | Goal::UpFor(_));
    request.intent().is_none() && is_down && needs_a_process
}

/// Asks about all for whom somebody answers in one go; the others are left out.
pub(super) fn ask_about_all<B: Supervised>(
    world: &mut impl World<B>,
    services: &[(usize, &B)],
    request: &Request,
) -> BTreeMap<usize, Together> {
    let added = world.add_together(services).into_iter();
    let mut all: BTreeMap<usize, Together> = BTreeMap::new();
    all.extend(added.map(|(at, it)| (at, Together { added: Some(it), obstacle: None })));
    let status = |at: &usize| match all.get(at)?.added.as_ref()? {
        Ok(Added { baseline: Ok(seen), .. }) => Some(*seen),
        _ => None,
    };
    let kept = services.iter().filter_map(|(at, service)| {
        let seen = status(at).filter(|seen| may_be_kept(request, seen))?;
        Some(((*at, seen), *service))
    });
    let mut obstacles = Vec::new();
    for (group, members) in together(kept) {
        let seen: Vec<(Name<'_>, Status)> =
            members.iter().map(|((_, seen), name)| (*name, *seen)).collect();
        if let Some(found) = group.obstacles(&seen) {
            obstacles.extend(members.iter().map(|((at, _), _)| *at).zip(found));
        }
    }
    for (at, obstacle) in obstacles {
        all.entry(at).or_default().obstacle = Some(obstacle);
    }
    all
}

impl Baseline {
    /// Arms the watch and looks, as far as that was not done together with others.
    pub(super) fn of<B: Supervised>(
        world: &mut impl World<B>,
        service: &B,
        known: Option<Together>,
    ) -> Self {
        let Together { added, obstacle } = known.unwrap_or_default();
        match added.unwrap_or_else(|| world.add(service)) {
            Ok(Added { key, baseline, directory }) => {
                Self { key: Some(key), directory, seen: baseline, obstacle }
            }
            Err(Error::Denied { .. }) => {
                let directory = service.directory().map(|it| it.clone().held());
                let seen = whom(directory.as_ref(), service).status();
                Self { key: None, directory, seen, obstacle }
            }
            Err(error) => Self { key: None, directory: None, seen: Err(error), obstacle },
        }
    }

    /// The same of a service that has been under watch before.
    pub(super) const fn now(key: Option<WatchKey>, at: Option<Service>, seen: Status) -> Self {
        Self { key, directory: at, seen: Ok(seen), obstacle: None }
    }

    /// What keeps the service down that is only waited for.
    pub(super) fn obstacle<B: Supervised>(
        &mut self,
        request: &Request,
        service: &B,
    ) -> Option<(Cause, String)> {
        let seen = self.seen.as_ref().ok().filter(|seen| may_be_kept(request, seen))?;
        self.obstacle.take().unwrap_or_else(|| service.obstacle(seen))
    }
}
