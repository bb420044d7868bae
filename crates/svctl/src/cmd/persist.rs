//! `--persist`: what was carried out is so after the next start of the supervisor, too. That is the file
//! `down`; s6 keeps it itself where its version has requests for that.

use svcmgr::{Error, Intent, Normally, Op, Suite, Support};

use super::report::Done;
use crate::{
    exit::Exit,
    names::{Found, NoTargets, Target},
    output::Output,
};

/// Refuses what has no such file, before anything is sent.
pub(super) fn require(
    targets: &[Target],
    word: &str,
    user: bool,
    output: &mut Output,
) -> Result<(), NoTargets> {
    let user = crate::reason::whose(user);
    for target in targets {
        let Ok(found) = &target.found else { continue };
        let name = found.name();
        let instead = match found.directory().map(svcmgr::Service::s6_rc) {
            None => {
                let verb = if word == "up" { "enable" } else { "disable" };
                format!("it is a unit\n  hint: `svctl{user} {verb} {name}` is for the next start")
            }
            Some(Some(_)) => {
                "s6-rc keeps it, and starts what its database says\n  hint: `s6-rc-bundle` \
                              changes what is in the bundle that is started at boot"
                    .to_owned()
            }
            Some(None) => continue,
        };
        output.message(&format!("{name}: --persist does nothing there: {instead}"));
        return Err(NoTargets(Exit::Negative));
    }
    Ok(())
}

/// What became of one, and whether it was otherwise before.
pub(super) struct Kept {
    name: String,
    normally: Normally,
    result: Result<bool, Error>,
}

/// What became of those that are as asked, of which that is told with the rest.
pub(super) fn keep(
    found: &[Found],
    results: &mut [Result<Done, Error>],
    normally: Normally,
) -> Vec<Kept> {
    let all = found.iter().zip(results);
    let keep = |(found, result): (&Found, &mut Result<Done, Error>)| {
        let Ok(Done::Waited(outcome)) = result else { return None };
        let service = found.directory().filter(|_| outcome.is_reached())?;
        let op = if normally == Normally::Down { Op::StayDown } else { Op::StayUp };
        let was = service.status().ok().and_then(|seen| seen.normally()) == Some(normally);
        // Asked for the second time: it is so, and now for longer.
        let by_itself = found.suite() == Some(Suite::S6)
            && matches!(found.support(&Intent::Op(op)), Support::Yes)
            && service.send(op).is_ok();
        let result = if by_itself { Ok(!was) } else { service.set_normally(normally) };
        if let Ok(has_changed) = result {
            *outcome = outcome.clone().kept(normally, has_changed);
        }
        Some(Kept { name: found.name().to_string(), normally, result })
    };
    all.filter_map(keep).collect()
}

/// Says of which it was kept, and why it could not be.
pub(super) fn tell(kept: Vec<Kept>, output: &mut Output) -> Exit {
    let mut exit = Exit::Done;
    for Kept { name, normally, result } in kept {
        match result {
            Ok(true) if !output.quiet => {
                output.message(&format!("{name}: normally {} from now on", normally.name()));
            }
            Ok(_) => (),
            Err(error) => {
                output.error(&error);
                exit = exit.max(Exit::from(&error));
            }
        }
    }
    exit
}
