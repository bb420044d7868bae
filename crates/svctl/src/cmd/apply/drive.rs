//! Carries the steps out, and leads back where one does not come about.

use super::{
    place::Failed,
    plan::{Journal, Step},
};

/// What steps are carried out on.
pub(super) trait World {
    /// # Errors
    ///
    /// With whom it did not come about for, and why.
    fn carry_out(&mut self, step: &Step) -> Result<(), Vec<Failed>>;
}

/// How it went.
pub(super) struct Went {
    pub(super) failed: Vec<Failed>,
    pub(super) back: Back,
}

/// What became of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Back {
    /// There was none, or nothing had changed.
    NotNeeded,
    /// All is as it was.
    Whole,
    /// Something is not.
    InPart,
}

/// Carries all out, or as much as comes about and then what `back` says.
pub(super) fn drive(
    world: &mut impl World,
    steps: &[Step],
    back: impl FnOnce(&Journal) -> Vec<Step>,
) -> Went {
    let mut journal = None;
    for step in steps {
        if let Step::Keep(kept) = step {
            journal = Some(kept);
        }
        let Err(failed) = world.carry_out(step) else { continue };
        let back = journal.map(back).unwrap_or_default();
        return lead_back(world, &back, failed);
    }
    Went { failed: Vec::new(), back: Back::NotNeeded }
}

fn lead_back(world: &mut impl World, steps: &[Step], mut failed: Vec<Failed>) -> Went {
    let changes = |step: &Step| !matches!(step, Step::Forget | Step::Await(_));
    let mut back = if steps.iter().any(changes) { Back::Whole } else { Back::NotNeeded };
    for step in steps {
        // What was not there can be taken out, too, as far as it goes.
        if let Err(more) = world.carry_out(step) {
            back = Back::InPart;
            failed.extend(more);
            if matches!(step, Step::WriteBack(_)) {
                // The journal stays: the next run begins from it.
                break;
            }
        }
    }
    Went { failed, back }
}
