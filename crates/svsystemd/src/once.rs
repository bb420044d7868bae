//! "Let this run be the last": a drop-in in the manager's runtime directory, `Restart=no`.
//!
//! `SetUnitProperties` cannot set `Restart=`. The running process keeps its pid over the reload that
//! makes the drop-in known.

use std::path::PathBuf;

use crate::{
    Action, Error, Properties, Unit, UnitName, Value,
    file::{self, Dirs},
};

/// Late in the order of drop-ins, so that it has the last word.
const FILE: &str = "zz-once.conf";
const TEXT: &str = "# Written by svsystemd: this run is the last. `start` removes it.\n\
                    [Service]\nRestart=no\n";

/// Whether the drop-in is in force.
pub(crate) fn is_set(unit: &Properties) -> bool {
    let paths = unit.get("DropInPaths").map(Value::fields).unwrap_or_default();
    paths.iter().filter_map(Value::text).any(|path| path.ends_with(&format!("/{FILE}")))
}

/// Puts it in force; what the unit was before.
pub(crate) async fn set(unit: &Unit) -> Result<Properties, Error> {
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
    Ok(dirs.runtime.join(format!("{id}.d")).join(FILE))
}
