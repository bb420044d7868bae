//! Why a unit is not as it should be: everything that its manager says of it is read once, and rules make
//! ordered findings of that and of the files that it names.
//!
//! What a unit needs is followed: where a dependency failed, the reason of that is what was seen. Nothing
//! is started or changed, and no right is needed.

mod facts;
mod rules;
mod step;

use std::{collections::HashMap, pin::Pin};

use svclient::{Evidence, Explanation, Finding};
use svproto::Cause;

use self::facts::Facts;
use crate::{
    Action, Bus, BusCall, Error, LoadState, PropertyValue, Unit, UnitName, UnitStatus, asking,
    unified::common_status, wire::reply::Listed,
};

/// How far a chain of dependencies is followed.
const DEPTH: u8 = 8;
/// So many that failed are told of, at most.
const MOST: usize = 4;

/// What a start of it takes.
const REQUIRED: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

impl Unit {
    /// Why it is not as it should be: nothing for a unit that is well. Where a unit that it requires
    /// failed, the reason of that is among what was seen.
    ///
    /// [`Error::NoSuchUnit`] where there is neither a file nor a running unit of this name.
    pub fn explain(&self) -> BusCall<'_, Explanation> {
        self.bus().ask(Action::Look, &self.subject(), why(self.bus(), self.name().clone(), DEPTH))
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Explanation, Error>> + Send + 'a>>;

fn why(bus: &Bus, unit: UnitName, depth: u8) -> Answer<'_> {
    Box::pin(async move {
        if unit.is_template() {
            return Err(Error::template(&unit));
        }
        let handle = bus.named(unit.clone());
        let status = handle.look().await?;
        if !status.exists() {
            return Err(Error::NoSuchUnit { action: Action::Look, unit });
        }
        let facts = Facts::gather(&handle, status).await?;
        let mut why = Explanation::default();
        why.findings = rules::all(&facts);
        if facts.may_lack_a_dependency() && !why.findings.iter().any(|it| is_reason(it.cause)) {
            why.findings = on_others(bus, &facts, why.findings, depth).await?;
        }
        why.status = Some(closer(facts.status()));
        Ok(why)
    })
}

/// Whether it is what keeps a unit down.
fn is_reason(cause: Cause) -> bool {
    !matches!(cause, Cause::WantedDown | Cause::DefinitionNewer)
}

/// As looked at closer: everything was read.
fn closer(unit: &UnitStatus) -> svclient::Status {
    let seen = common_status(unit);
    if seen.state() != svproto::State::Failed {
        return seen;
    }
    let odd = seen.odd();
    let cause = asking::cause_of_failure(unit.properties().clone());
    seen.with_odd(odd.with_cause(cause.or(odd.cause)))
}

/// What lies with others, of a unit that is down: what it requires failed or is not there, or what starts
/// it when it is needed is there, and it is well.
async fn on_others(
    bus: &Bus,
    facts: &Facts,
    own: Vec<Finding>,
    depth: u8,
) -> Result<Vec<Finding>, Error> {
    let names = |property: &str| -> Vec<UnitName> {
        let all = facts.properties().get(property).map(PropertyValue::fields).unwrap_or_default();
        all.iter().filter_map(|it| UnitName::new(it.text()?).ok()).collect()
    };
    let required: Vec<UnitName> = REQUIRED.into_iter().flat_map(names).collect();
    let triggers = names("TriggeredBy");
    let asked: Vec<UnitName> = required.iter().chain(&triggers).cloned().collect();
    if asked.is_empty() {
        return Ok(own);
    }
    let rows = bus.list(&asked).await?;
    let rows: HashMap<&str, &Listed> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
    let mut found = Vec::new();
    for name in required.iter().take(MOST * 16) {
        let Some(row) = rows.get(name.as_str()) else { continue };
        if found.len() < MOST
            && let Some(finding) = of_dependency(bus, facts, name, row, depth).await
        {
            found.push(finding);
        }
    }
    if !found.is_empty() {
        found.extend(own.into_iter().filter(|it| it.cause != Cause::WantedDown));
        return Ok(found);
    }
    let is_on_demand =
        triggers.iter().any(|it| rows.get(it.as_str()).is_some_and(|row| row.active == "active"));
    let stays = |it: &Finding| !is_on_demand || it.cause != Cause::WantedDown;
    Ok(own.into_iter().filter(stays).collect())
}

/// What is wrong with one that is required, and why; `None` if nothing is.
async fn of_dependency(
    bus: &Bus,
    facts: &Facts,
    name: &UnitName,
    row: &Listed,
    depth: u8,
) -> Option<Finding> {
    let line = facts.evidence_of_word(&REQUIRED, name.as_str());
    match LoadState::of(&row.load) {
        LoadState::NotFound if row.active == "inactive" => {
            let about = format!("{name} (there is no such unit)");
            let finding = Finding::told(Cause::Dependency, about);
            return Some(line.into_iter().fold(finding, Finding::seen));
        }
        LoadState::Masked | LoadState::Broken if row.active == "inactive" => (),
        _ if row.active == "failed" => (),
        // Down, and perhaps since what it requires itself is.
        _ if row.active == "inactive" && depth > 0 => (),
        _ => return None,
    }
    let its = if depth == 0 { None } else { why(bus, name.clone(), depth - 1).await.ok() };
    let first = its.and_then(|its| its.findings.into_iter().find(|it| is_reason(it.cause)));
    if first.is_none() && row.active != "failed" {
        return None;
    }
    let finding = Finding::told(Cause::Dependency, name.as_str());
    let mut finding = line.into_iter().fold(finding, Finding::seen);
    if let Some(first) = first {
        finding = finding.seen(Evidence::new(format!("{name}: {first}")));
        finding = first.evidence.into_iter().fold(finding, Finding::seen);
        finding.remedy = first.remedy;
    }
    Some(finding)
}
