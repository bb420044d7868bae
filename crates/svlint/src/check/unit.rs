//! A unit file, or a drop-in of one, as systemd's parser reads it.

use std::{ops::Range, path::Path};

use svproto::cause::Severity;

use crate::{Finding, Location, rule::units, source::Source, visit::Visit};

mod keys;
mod more;
mod typed;
mod value;
mod words;

/// `Key=value`, with the lines that a backslash joins.
pub(crate) struct Assignment {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) key_at: Range<usize>,
    pub(crate) value_at: Range<usize>,
}

/// The parts of a unit that rules ask about.
struct Unit<'a> {
    source: &'a Source,
    assignments: Vec<Assignment>,
    is_drop_in: bool,
    is_service: bool,
}

pub(crate) fn check(visit: &mut Visit<'_>, path: &Path) {
    // A unit that is masked, or one that an alias stands for, is a link; an empty file masks as well.
    let Some(source) = visit.read(path) else { return };
    visit.look();
    if source.bytes.is_empty() {
        return;
    }
    let is_drop_in = path.extension().is_some_and(|it| it == "conf");
    let name = if is_drop_in {
        let dir = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        dir.strip_suffix(".d").unwrap_or_default().to_owned()
    } else {
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    let assignments = parse(visit, &source);
    let is_service = name.ends_with(".service");
    let unit = Unit { source: &source, assignments, is_drop_in, is_service };
    for assignment in &unit.assignments {
        if key(visit, &unit, assignment) {
            value::check(visit, &source, assignment);
        }
    }
    more::check(visit, &unit, &name);
    if unit.is_service {
        service(visit, &unit);
    }
}

/// Sections, assignments and what is neither.
fn parse(visit: &mut Visit<'_>, source: &Source) -> Vec<Assignment> {
    let mut found: Vec<Assignment> = Vec::new();
    let mut section = String::new();
    let mut is_known = false;
    let mut goes_on = false;
    for (from, raw) in source.lines() {
        // systemd passes over a byte order mark.
        let line = raw.trim_start_matches('\u{feff}').trim();
        let start = from + raw.find(line).unwrap_or_default();
        let location = source.at(start..start + line.len());
        // Comments between joined lines are passed over.
        if line.starts_with(['#', ';']) {
            continue;
        }
        if goes_on {
            goes_on = line.ends_with('\\');
            if let Some(last) = found.last_mut().filter(|_| is_known) {
                last.value.push(' ');
                last.value.push_str(line.strip_suffix('\\').unwrap_or(line));
                last.value_at.end = start + line.len();
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            let Some(name) = name.strip_suffix(']') else {
                visit.tell(Finding::new(&units::LINE, location, "a section ends with ]"));
                is_known = false;
                continue;
            };
            name.clone_into(&mut section);
            is_known = keys::is_section(name);
            if !is_known && !name.starts_with("X-") {
                let message = format!("systemd has no section [{}]", source.quoted(name));
                let finding = Finding::new(&units::SECTION, location, message);
                visit.tell(match keys::near_section(name) {
                    Some(near) => finding.help(format!("Did you mean [{near}]?")),
                    None => finding,
                });
            }
            continue;
        }
        goes_on = line.ends_with('\\');
        let Some((key, value)) = line.split_once('=') else {
            let message = "this is no assignment: there is no = in it";
            visit.tell(Finding::new(&units::LINE, location, message));
            continue;
        };
        if section.is_empty() {
            let message = "an assignment before the first section";
            visit.tell(Finding::new(&units::LINE, location, message));
            continue;
        }
        if !is_known {
            continue;
        }
        let value = value.strip_suffix('\\').unwrap_or(value);
        let value_start = start + line.find('=').unwrap_or_default() + 1;
        let blanks = value.len() - value.trim_start().len();
        found.push(Assignment {
            section: section.clone(),
            key: key.trim_end().to_owned(),
            value: value.trim().to_owned(),
            key_at: start..start + key.trim_end().len(),
            value_at: value_start + blanks..start + line.len(),
        });
    }
    found
}

/// Whether its section has the key.
fn key(visit: &mut Visit<'_>, unit: &Unit<'_>, it: &Assignment) -> bool {
    if keys::of(&it.section).any(|key| key == it.key) {
        return true;
    }
    if it.key.starts_with("X-") || it.key.is_empty() {
        return false;
    }
    let (source, location) = (unit.source, unit.source.at(it.key_at.clone()));
    let others = keys::sections_of(&it.key);
    if let Some(section) = others.first() {
        let message = format!("{}= belongs in [{section}], not in [{}]", it.key, it.section);
        let help = format!("Move it to [{section}].");
        visit.tell(Finding::new(&units::WRONG_SECTION, location, message).help(help));
        return false;
    }
    let shown = source.quoted(&it.key);
    let message = format!("systemd has no key {shown}= in [{}]", it.section);
    let near = keys::of(&it.section).min_by_key(|key| strsim::damerau_levenshtein(key, &it.key));
    let near = near.filter(|key| {
        let distance = strsim::damerau_levenshtein(key, &it.key);
        distance <= 2 || key.eq_ignore_ascii_case(&it.key)
    });
    let finding = Finding::new(&units::KEY, location, message);
    visit.tell(match near {
        Some(near) => finding.help(format!("Did you mean {near}=?")),
        // One of a later version, perhaps.
        None => finding
            .help("Correct its name; systemd 252 to 262 have no such key.")
            .severity(Severity::Warning),
    });
    false
}

impl Unit<'_> {
    fn is_conditional(&self) -> bool {
        self.assignments.iter().any(|it| it.section == "Unit" && it.key.starts_with("Condition"))
    }

    fn all(&self, section: &str, key: &str) -> Vec<&Assignment> {
        self.assignments.iter().filter(|it| it.section == section && it.key == key).collect()
    }

    /// The value that holds: the last one.
    fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.all(section, key).last().map(|it| it.value.as_str())
    }
}

fn service(visit: &mut Visit<'_>, unit: &Unit<'_>) {
    let source = unit.source;
    // An empty value forgets those before it.
    let mut starts: Vec<&Assignment> = Vec::new();
    for start in unit.all("Service", "ExecStart") {
        if start.value.is_empty() { starts.clear() } else { starts.push(start) }
    }
    let kind = unit.value("Service", "Type").unwrap_or_default();
    let is_oneshot = kind == "oneshot";
    if let (Some(second), false) = (starts.get(1), is_oneshot) {
        let message = "only Type=oneshot may have more than one ExecStart=";
        let location = source.at(second.key_at.start..second.value_at.end);
        visit.tell(Finding::new(&units::SEVERAL, location, message));
    }
    if let (true, Some(restart)) = (is_oneshot, unit.all("Service", "Restart").last()) {
        if matches!(restart.value.as_str(), "always" | "on-success") {
            let message = format!("Type=oneshot does not take Restart={}", restart.value);
            let location = source.at(restart.key_at.start..restart.value_at.end);
            visit.tell(Finding::new(&units::ONESHOT_RESTART, location, message));
        }
    }
    if let (false, "dbus", None) = (unit.is_drop_in, kind, unit.value("Service", "BusName")) {
        let said = unit.all("Service", "Type").last().map(|it| it.key_at.start..it.value_at.end);
        let location = source.at(said.unwrap_or_default());
        visit.tell(Finding::new(&units::NO_BUS_NAME, location, "Type=dbus without BusName="));
    }
    if unit.is_drop_in || !starts.is_empty() {
        return;
    }
    let remains = unit.value("Service", "RemainAfterExit").is_some_and(value::is_yes);
    let has_stop = !unit.all("Service", "ExecStop").is_empty() && remains;
    let has_success_action = unit.value("Unit", "SuccessAction").is_some_and(|it| it != "none");
    // Type= is oneshot where there is no ExecStart=, unless it is said.
    if has_stop || has_success_action {
        return;
    }
    let location = Location { path: source.path.clone(), span: None };
    visit.tell(Finding::new(&units::NO_EXEC, location, "[Service] has no ExecStart="));
}
