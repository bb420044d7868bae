//! "Let this run be the last": a drop-in in the manager's runtime directory, `Restart=no`.
//!
//! `SetUnitProperties` cannot set `Restart=`. The running process keeps its pid over the reload
//! that makes the drop-in known.

use std::path::PathBuf;

use crate::{
    Action, Bus, Error, Properties, Unit, UnitName,
    file::{self, Dirs},
    last_run::{FILE, is_set},
};

const TEXT: &str = "# Written by svsystemd: this run is the last. `start` removes it.\n\
                    [Service]\nRestart=no\n";

/// Why that is not for every unit.
pub(crate) const NO_RUNS: &str = "only a service has runs, and this unit is none";

/// Puts it in force; what the unit was before.
pub(crate) async fn set(unit: &Unit) -> Result<Properties, Error> {
    if unit.name().kind() != "service" {
        return Err(Error::Unsupported {
            action: Action::Once,
            subject: unit.name().to_string(),
            why: NO_RUNS,
        });
    }
    let properties = unit.bus().properties(Action::Once, unit.name()).await?;
    if is_set(&properties) {
        return Ok(properties);
    }
    if properties.text("LoadState") == "not-found" {
        return Err(Error::NoSuchUnit { action: Action::Once, unit: unit.name().clone() });
    }
    file::write(&path(unit, &properties).await?, TEXT.as_bytes())?;
    unit.bus().reload_now().await?;
    Ok(properties)
}

/// Before units of these names of their own are started: takes it back where it is in force, or
/// puts it in force for all. The manager reads its files again at most once.
pub(crate) async fn prepare(
    bus: &Bus,
    units: &[UnitName],
    is_last: bool,
    dirs: &Dirs,
) -> Result<(), Error> {
    let mut changed = false;
    for unit in units.iter().filter(|it| it.kind() == "service") {
        let path = path_of(dirs, unit);
        let is_there = path.exists();
        if is_last && !is_there {
            file::write(&path, TEXT.as_bytes())?;
            changed = true;
        } else if !is_last && is_there {
            changed |= file::remove(&path)?;
        }
    }
    if changed { bus.reload_now().await } else { Ok(()) }
}

/// Takes it back.
pub(crate) async fn clear(unit: &Unit, properties: &Properties) -> Result<(), Error> {
    if file::remove(&path(unit, properties).await?)? {
        unit.bus().reload_now().await
    } else {
        Ok(())
    }
}

/// By the unit's own name, so that every alias leads to the same file.
async fn path(unit: &Unit, properties: &Properties) -> Result<PathBuf, Error> {
    let dirs = Dirs::of(unit.bus(), Action::Once).await?;
    let id = UnitName::new(properties.text("Id"))?;
    Ok(path_of(&dirs, &id))
}

pub(crate) fn path_of(dirs: &Dirs, id: &UnitName) -> PathBuf {
    dirs.runtime.join(format!("{id}.d")).join(FILE)
}
